//! steps-source
