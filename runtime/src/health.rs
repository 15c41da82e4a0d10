//! placeholder
pub const NAMES: [&str; 8] = ["backlog","classes","coverage","drops","head_age","program","tables","unknown"];
