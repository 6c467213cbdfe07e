//! Layers and height: by the Z at which filament comes out, checked against the slicer's marks.

/// The layer after a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// From 1; 0 before the first. Goes on counting when a sequential print starts its next object.
    pub number: u32,
    /// Z of the layer, mm; 0 before the first.
    pub height: f64,
    /// The Z at which filament last came out upwards of all before in this run, mm.
    pub last_extrusion_height: Option<f64>,
    /// Highest Z at which filament came out in the whole print, mm.
    pub highest: f64,
    /// Objects printed one after the other: 0 for the first, and for prints that build all at once.
    pub run: u32,
    /// This line has begun the layer.
    pub change: bool,
    /// The head is lifted off the layer for a travel.
    pub zhop: bool,
    /// Z rises within extruding moves: vase mode.
    pub vase: bool,
}

/// How the layers agree with the slicer's marks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerReport {
    /// Layers by extruding Z.
    pub layers: u32,
    /// Layers by the slicer's marks.
    pub marks: u32,
    /// Layers that begin where no mark stands.
    pub unmarked: u32,
    /// Marks without a layer: empty ones.
    pub empty: u32,
    /// Layers whose mark has another Z.
    pub other_height: u32,
    /// Line of the first disagreement.
    pub first_line: Option<u64>,
}
