//! What is being printed, from the comments of the slicers, in the field's terms.

/// A part of a print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// The visible wall.
    OuterWall,
    /// Walls behind it.
    InnerWall,
    /// A wall of which the slicer does not say which.
    Wall,
    /// A wall over air.
    OverhangWall,
    /// The visible top.
    TopSurface,
    /// The visible bottom.
    BottomSurface,
    /// Top or bottom, the slicer does not say which (Cura's SKIN).
    Surface,
    /// Dense infill inside.
    SolidInfill,
    /// Infill inside.
    SparseInfill,
    /// Thin gaps between walls.
    GapFill,
    /// Lines over air.
    Bridge,
    /// Lines over sparse infill.
    InternalBridge,
    /// Smoothing of a top.
    Ironing,
    /// Loops around the print.
    Skirt,
    /// Loops that hold the print down.
    Brim,
    /// PrusaSlicer's `Skirt/Brim`: either.
    SkirtBrim,
    /// Raft.
    Raft,
    /// Support.
    Support,
    /// The part of a support that touches the print.
    SupportInterface,
    /// Wipe tower, prime tower, prime pillar.
    WipeTower,
    /// Ooze shield, draft shield.
    OozeShield,
    /// Start, end and tool-change G-code.
    Custom,
    /// Several kinds in one.
    Mixed,
    /// A name that the slicer gives and we do not know.
    Other,
}
