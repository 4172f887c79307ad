//! steps-container
