//! The settings that slicers write into a file's head or tail.

/// Who wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slicer {
    /// PrusaSlicer.
    PrusaSlicer,
    /// SuperSlicer.
    SuperSlicer,
    /// OrcaSlicer and its forks.
    OrcaSlicer,
    /// Bambu Studio.
    BambuStudio,
    /// Slic3r.
    Slic3r,
    /// Cura.
    Cura,
    /// Simplify3D.
    Simplify3D,
    /// ideaMaker.
    IdeaMaker,
    /// KISSlicer.
    KissSlicer,
}

/// What a file says about how it was sliced. Lengths in mm, speeds in mm/s. `None` where it does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Who wrote it.
    pub slicer: Option<Slicer>,
    /// The slicer's version.
    pub version: Option<String>,
    /// Retraction length per extruder.
    pub retraction_length: Vec<f64>,
    /// Speed of retractions.
    pub retraction_speed: Option<f64>,
    /// Speed at which a retraction is undone.
    pub unretraction_speed: Option<f64>,
    /// Height of z-hops.
    pub z_lift: Option<f64>,
    /// Speed of travels.
    pub travel_speed: Option<f64>,
    /// Layer height.
    pub layer_height: Option<f64>,
    /// Height of the first layer.
    pub first_layer_height: Option<f64>,
    /// Vase mode.
    pub vase: Option<bool>,
    /// Objects one after the other.
    pub sequential: Option<bool>,
    /// G10 and G11 instead of E.
    pub firmware_retraction: Option<bool>,
    /// M83 instead of M82.
    pub relative_extrusion: Option<bool>,
    /// Number of extruders.
    pub extruders: Option<u32>,
    /// Number of layers.
    pub layers: Option<u32>,
    /// Diameter of the nozzle.
    pub nozzle: Option<f64>,
    /// The file marks its layers with comments.
    pub layer_marks: bool,
}
