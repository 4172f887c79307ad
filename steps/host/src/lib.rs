//! steps-host
