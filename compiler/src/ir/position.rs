//! Where a thing stands. Shown to people; nothing is shaped by it.

/// A place on the earth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// Millionths of a degree north of the equator, from -90,000,000 to 90,000,000. A millionth is some 11 cm.
    pub latitude: i32,
    /// Millionths of a degree east of Greenwich, from -180,000,000 to 180,000,000.
    pub longitude: i32,
}
