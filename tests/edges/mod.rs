//! One module for each neighbour.

mod endpoint;
