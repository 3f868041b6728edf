//! What users would pick instead, each as its own documentation says to use it.
pub mod aws;
pub mod google;
