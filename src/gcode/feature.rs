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

use Feature::{
    BottomSurface, Bridge, Brim, Custom, GapFill, InnerWall, InternalBridge, Ironing, Mixed, OozeShield, Other,
    OuterWall, OverhangWall, Raft, Skirt, SkirtBrim, SolidInfill, SparseInfill, Support, SupportInterface, Surface,
    TopSurface, Wall, WipeTower,
};

impl Feature {
    /// Its name as `moonlapse trace` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OuterWall => "outer_wall",
            InnerWall => "inner_wall",
            Wall => "wall",
            OverhangWall => "overhang_wall",
            TopSurface => "top_surface",
            BottomSurface => "bottom_surface",
            Surface => "surface",
            SolidInfill => "solid_infill",
            SparseInfill => "sparse_infill",
            GapFill => "gap_fill",
            Bridge => "bridge",
            InternalBridge => "internal_bridge",
            Ironing => "ironing",
            Skirt => "skirt",
            Brim => "brim",
            SkirtBrim => "skirt_brim",
            Raft => "raft",
            Support => "support",
            SupportInterface => "support_interface",
            WipeTower => "wipe_tower",
            OozeShield => "ooze_shield",
            Custom => "custom",
            Mixed => "mixed",
            Other => "other",
        }
    }
}

/// What a comment says about the lines that follow it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Remark<'a> {
    /// From here on this is printed; `None`: nothing in particular.
    Feature(Option<Feature>),
    /// A layer begins.
    Layer(LayerMark),
    /// Z of the layer that begins, mm.
    LayerZ(f64),
    /// A wipe begins or ends.
    Wipe(bool),
    /// An object of that name begins, or the current one ends.
    Object(Option<&'a [u8]>),
}

/// How a slicer says that a layer begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerMark {
    /// In which words.
    pub kind: MarkKind,
    /// The slicer's number, whose first is 0 or 1.
    pub number: Option<i32>,
    /// Z of the layer, mm.
    pub z: Option<f64>,
}

/// The kinds of marks, the most reliable last. A file has several; only its best kind counts layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// `SET_PRINT_STATS_INFO CURRENT_LAYER=n`: written by hand in the slicer's custom G-code.
    PrintStats,
    /// `; layer num/total_layer_count: 1/20`.
    Count,
    /// `;BEFORE_LAYER_CHANGE`: written by hand, by convention.
    Before,
    /// `;LAYER_CHANGE`, `; CHANGE_LAYER`, `;LAYER:0`, `; layer 1, Z = 0.2`, `; BEGIN_LAYER_OBJECT z=0.2`.
    Change,
}

impl LayerMark {
    const fn plain(kind: MarkKind) -> Self {
        Self { kind, number: None, z: None }
    }
}

/// Names behind `;TYPE:` or `; FEATURE:`, in lower case.
const TYPES: &[(&[u8], Option<Feature>)] = &[
    // PrusaSlicer, SuperSlicer, Slic3r.
    (b"perimeter", Some(InnerWall)),
    (b"internal perimeter", Some(InnerWall)),
    (b"external perimeter", Some(OuterWall)),
    (b"overhang perimeter", Some(OverhangWall)),
    (b"thin wall", Some(OuterWall)),
    (b"internal infill", Some(SparseInfill)),
    (b"solid infill", Some(SolidInfill)),
    (b"top solid infill", Some(TopSurface)),
    (b"bridge infill", Some(Bridge)),
    (b"internal bridge infill", Some(InternalBridge)),
    (b"gap fill", Some(GapFill)),
    (b"ironing", Some(Ironing)),
    (b"skirt/brim", Some(SkirtBrim)),
    (b"skirt", Some(Skirt)),
    (b"support material", Some(Support)),
    (b"support material interface", Some(SupportInterface)),
    (b"wipe tower", Some(WipeTower)),
    (b"custom", Some(Custom)),
    (b"mixed", Some(Mixed)),
    (b"mill", Some(Custom)),
    (b"unknown", None),
    (b"none", None),
    // OrcaSlicer, Bambu Studio.
    (b"outer wall", Some(OuterWall)),
    (b"inner wall", Some(InnerWall)),
    (b"overhang wall", Some(OverhangWall)),
    (b"sparse infill", Some(SparseInfill)),
    (b"internal solid infill", Some(SolidInfill)),
    (b"floating vertical shell", Some(SolidInfill)),
    (b"top surface", Some(TopSurface)),
    (b"bottom surface", Some(BottomSurface)),
    (b"bridge", Some(Bridge)),
    (b"internal bridge", Some(InternalBridge)),
    (b"gap infill", Some(GapFill)),
    (b"brim", Some(Brim)),
    (b"support", Some(Support)),
    (b"support interface", Some(SupportInterface)),
    (b"support transition", Some(Support)),
    (b"support ironing", Some(SupportInterface)),
    (b"prime tower", Some(WipeTower)),
    (b"multiple", Some(Mixed)),
    (b"undefined", None),
    // Cura, ideaMaker.
    (b"wall-outer", Some(OuterWall)),
    (b"wall-inner", Some(InnerWall)),
    (b"skin", Some(Surface)),
    (b"fill", Some(SparseInfill)),
    (b"support-interface", Some(SupportInterface)),
    (b"prime-tower", Some(WipeTower)),
    (b"solid-fill", Some(SolidInfill)),
    (b"top-surface", Some(TopSurface)),
    (b"bottom-surface", Some(BottomSurface)),
    (b"gap-fill", Some(GapFill)),
    (b"raft", Some(Raft)),
    (b"dense-support", Some(SupportInterface)),
    (b"wipe-tower", Some(WipeTower)),
];

/// Comments that are nothing but a name: Simplify3D's blocks and Slic3r's verbose G-code.
const BARE: &[(&[u8], Option<Feature>)] = &[
    // Both.
    (b"infill", Some(SparseInfill)),
    (b"skirt", Some(Skirt)),
    (b"brim", Some(Brim)),
    (b"gap fill", Some(GapFill)),
    (b"bridge", Some(Bridge)),
    // Simplify3D.
    (b"outer perimeter", Some(OuterWall)),
    (b"inner perimeter", Some(InnerWall)),
    (b"external single extrusion", Some(OuterWall)),
    (b"internal single extrusion", Some(InnerWall)),
    (b"solid layer", Some(SolidInfill)),
    (b"ooze shield", Some(OozeShield)),
    (b"prime pillar", Some(WipeTower)),
    (b"support", Some(Support)),
    (b"dense support", Some(SupportInterface)),
    (b"raft", Some(Raft)),
    // Slic3r, on every line.
    (b"perimeter", Some(Wall)),
    (b"external perimeter", Some(OuterWall)),
    (b"internal perimeter", Some(InnerWall)),
    (b"overhang perimeter", Some(OverhangWall)),
    (b"solid infill", Some(SolidInfill)),
    (b"top solid infill", Some(TopSurface)),
    (b"infill(bridge)", Some(Bridge)),
    (b"internal bridge infill", Some(InternalBridge)),
    (b"support material", Some(Support)),
    (b"support material interface", Some(SupportInterface)),
];

/// KISSlicer: `; 'Loop Path', 0.9 [feed mm/s], 52.5 [head mm/s]`.
const KISS: &[(&[u8], Option<Feature>)] = &[
    (b"perimeter path", Some(OuterWall)),
    (b"loop path", Some(InnerWall)),
    (b"solid path", Some(SolidInfill)),
    (b"sparse infill path", Some(SparseInfill)),
    (b"stacked sparse infill path", Some(SparseInfill)),
    (b"crown path", Some(GapFill)),
    (b"support (may stack) path", Some(Support)),
    (b"support interface path", Some(SupportInterface)),
    (b"skirt path", Some(Skirt)),
    (b"brim path", Some(Brim)),
    (b"raft path", Some(Raft)),
    (b"prime pillar path", Some(WipeTower)),
    (b"destring/wipe/jump path", None),
    (b"travel path", None),
];

fn find(table: &[(&[u8], Option<Feature>)], name: &[u8]) -> Option<Option<Feature>> {
    table.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, feature)| *feature)
}

/// Takes `prefix`, in whatever case, off the front.
fn strip<'a>(text: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
}

/// The number at the front of `text`.
fn leading_number(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii_start();
    super::number::scan(text, 0).map(|(value, _)| value)
}

/// The whole number at the front of `text`.
fn leading_integer(text: &[u8]) -> Option<i32> {
    leading_number(text).map(|value| value as i32)
}

/// Reads a comment, given without its `;` and without blanks around it.
#[must_use]
pub fn remark(comment: &[u8]) -> Option<Remark<'_>> {
    // The first letter sorts out nearly everything, as most comments say nothing to us.
    match comment.first()?.to_ascii_lowercase() {
        b't' => strip(comment, "TYPE:").map(of_type),
        b'l' => of_layer(comment),
        b'b' => before_layer(comment),
        b'c' => {
            strip(comment, "CHANGE_LAYER").filter(|rest| rest.is_empty())?;
            Some(Remark::Layer(LayerMark::plain(MarkKind::Change)))
        }
        b'z' => {
            let z = strip(comment, "Z:").or_else(|| strip(comment, "Z_HEIGHT:"))?;
            leading_number(z).map(Remark::LayerZ)
        }
        b'w' => match comment {
            b"WIPE_START" => Some(Remark::Wipe(true)),
            b"WIPE_END" => Some(Remark::Wipe(false)),
            _ => None,
        },
        b'\'' => {
            let name = &comment[1..];
            let end = memchr::memchr(b'\'', name)?;
            find(KISS, &name[..end]).map(Remark::Feature)
        }
        _ => None,
    }
    .or_else(|| of_object(comment))
    .or_else(|| bare(comment))
}

fn of_type(name: &[u8]) -> Remark<'static> {
    let name = name.trim_ascii();
    Remark::Feature(find(TYPES, name).unwrap_or(Some(Other)))
}

fn of_layer(comment: &[u8]) -> Option<Remark<'static>> {
    if comment == b"LAYER_CHANGE" {
        return Some(Remark::Layer(LayerMark::plain(MarkKind::Change)));
    }
    if let Some(count) = strip(comment, "layer num/total_layer_count:") {
        let number = leading_integer(count);
        return Some(Remark::Layer(LayerMark { number, ..LayerMark::plain(MarkKind::Count) }));
    }
    // Cura and ideaMaker `;LAYER:0`, Simplify3D `; layer 1, Z = 0.2`.
    let rest = strip(comment, "LAYER")?;
    let number = match rest {
        [b':', rest @ ..] => leading_integer(rest)?,
        [b' ', rest @ ..] if memchr::memmem::find(rest, b"Z =").is_some() => leading_integer(rest)?,
        _ => return None,
    };
    let z = memchr::memmem::find(rest, b"Z =").and_then(|at| leading_number(&rest[at + 3..]));
    Some(Remark::Layer(LayerMark { kind: MarkKind::Change, number: Some(number), z }))
}

fn before_layer(comment: &[u8]) -> Option<Remark<'static>> {
    if comment == b"BEFORE_LAYER_CHANGE" {
        return Some(Remark::Layer(LayerMark::plain(MarkKind::Before)));
    }
    let z = strip(comment, "BEGIN_LAYER_OBJECT z=")?;
    Some(Remark::Layer(LayerMark { z: leading_number(z), ..LayerMark::plain(MarkKind::Change) }))
}

fn of_object(comment: &[u8]) -> Option<Remark<'_>> {
    match comment.first()? {
        b'p' => strip(comment, "printing object ").map(|name| Remark::Object(Some(name))),
        b's' => {
            if strip(comment, "stop printing object").is_some() {
                return Some(Remark::Object(None));
            }
            strip(comment, "start printing object, ").map(|name| Remark::Object(Some(name)))
        }
        b'M' => match strip(comment, "MESH:")? {
            b"NONMESH" => Some(Remark::Object(None)),
            name => Some(Remark::Object(Some(name))),
        },
        _ => None,
    }
}

fn bare(comment: &[u8]) -> Option<Remark<'static>> {
    let name = match comment.first()? {
        b'F' => return strip(comment, "FEATURE:").map(of_type),
        b'f' => strip(comment, "feature ")?,
        // Slic3r: "move to first infill (bridge) point".
        b'm' => strip(comment, "move to first ")?.strip_suffix(b" point")?,
        b'a'..=b'z' => comment,
        _ => return None,
    };
    find(BARE, name).map(Remark::Feature)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(comment: &str) -> Option<Option<Feature>> {
        match remark(comment.as_bytes()) {
            Some(Remark::Feature(feature)) => Some(feature),
            _ => None,
        }
    }

    #[test]
    fn every_slicers_words_for_the_outer_wall_are_known() {
        for comment in [
            "TYPE:External perimeter",
            "TYPE:Outer wall",
            "FEATURE: Outer wall",
            "TYPE:WALL-OUTER",
            "feature outer perimeter",
            "outer perimeter",
            "'Perimeter Path', 0.9 [feed mm/s], 52.5 [head mm/s]",
            "external perimeter",
            "move to first external perimeter point",
        ] {
            assert_eq!(feature(comment), Some(Some(OuterWall)), "{comment}");
        }
    }

    #[test]
    fn names_that_differ_by_a_word_are_told_apart() {
        assert_eq!(feature("TYPE:Internal infill"), Some(Some(SparseInfill)));
        assert_eq!(feature("TYPE:Solid infill"), Some(Some(SolidInfill)));
        assert_eq!(feature("TYPE:Perimeter"), Some(Some(InnerWall)));
        assert_eq!(feature("perimeter"), Some(Some(Wall)));
        assert_eq!(feature("TYPE:Prime tower"), Some(Some(WipeTower)));
        assert_eq!(feature("TYPE:Something new"), Some(Some(Other)));
        assert_eq!(feature("support_material = 0"), None);
        assert_eq!(feature("infill extrusion width = 0.45mm"), None);
    }

    #[test]
    fn layer_marks_are_read_with_number_and_height() {
        let layer = |comment: &str| match remark(comment.as_bytes()) {
            Some(Remark::Layer(mark)) => (mark.kind, mark.number, mark.z),
            other => panic!("{comment}: {other:?}"),
        };
        assert_eq!(layer("LAYER_CHANGE"), (MarkKind::Change, None, None));
        assert_eq!(layer("CHANGE_LAYER"), (MarkKind::Change, None, None));
        assert_eq!(layer("LAYER:-2"), (MarkKind::Change, Some(-2), None));
        assert_eq!(layer("layer 3, Z = 0.6"), (MarkKind::Change, Some(3), Some(0.6)));
        assert_eq!(layer("BEGIN_LAYER_OBJECT z=0.25 z_thickness=0.25"), (MarkKind::Change, None, Some(0.25)));
        assert_eq!(layer("BEFORE_LAYER_CHANGE"), (MarkKind::Before, None, None));
        assert_eq!(layer("layer num/total_layer_count: 2/29"), (MarkKind::Count, Some(2), None));
        assert_eq!(remark(b"Z:0.25"), Some(Remark::LayerZ(0.25)));
        assert_eq!(remark(b"Z_HEIGHT: 0.4"), Some(Remark::LayerZ(0.4)));
        for comment in ["LAYER_COUNT:100", "Layer height: 0.2", "layer_height = 0.2", "AFTER_LAYER_CHANGE"] {
            assert_eq!(remark(comment.as_bytes()), None, "{comment}");
        }
    }

    #[test]
    fn objects_begin_and_end() {
        let object = |comment: &str| match remark(comment.as_bytes()) {
            Some(Remark::Object(name)) => name.map(|name| String::from_utf8_lossy(name).into_owned()),
            other => panic!("{comment}: {other:?}"),
        };
        assert_eq!(object("printing object cone.stl id:0 copy 0").as_deref(), Some("cone.stl id:0 copy 0"));
        assert_eq!(object("stop printing object cone.stl id:0 copy 0"), None);
        assert_eq!(object("start printing object, unique label id: 16").as_deref(), Some("unique label id: 16"));
        assert_eq!(object("stop printing object, unique label id: 16"), None);
        assert_eq!(object("MESH:a.stl").as_deref(), Some("a.stl"));
        assert_eq!(object("MESH:NONMESH"), None);
    }
}
