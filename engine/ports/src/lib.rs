//! engine-ports
