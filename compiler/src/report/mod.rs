//! How findings and summaries look: for people (miette) and for machines.
