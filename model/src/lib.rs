//! A model of the position protocol over the same decisions as the service.
