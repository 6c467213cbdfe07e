//! The settings that slicers write into a file's head or tail.

use std::io::{self, Read, Seek, SeekFrom};

use super::feature::{self, Remark};
use super::number;

/// Who wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slicer {
    /// PrusaSlicer.
    PrusaSlicer,
    /// SuperSlicer.
    SuperSlicer,
    /// OrcaSlicer.
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
    /// Retraction length per extruder; the filament's own where it has one.
    pub retraction_length: Vec<f64>,
    /// Speed of retractions.
    pub retraction_speed: Option<f64>,
    /// Speed at which a retraction is undone; `None`: as fast as it is made.
    pub unretraction_speed: Option<f64>,
    /// Height of z-hops, 0 for none.
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
    /// The printer's retraction lengths and the filaments' own, which win where there is one.
    printer_lengths: Vec<Option<f64>>,
    filament_lengths: Vec<Option<f64>>,
    /// The filament has a z-hop of its own.
    lift_by_filament: bool,
    /// Cura: z-hops are on.
    hops: Option<bool>,
}

/// How comments name the slicers, and what stands before the version.
const NAMES: &[(&str, Slicer)] = &[
    ("PrusaSlicer", Slicer::PrusaSlicer),
    ("SuperSlicer", Slicer::SuperSlicer),
    ("OrcaSlicer", Slicer::OrcaSlicer),
    ("BambuStudio", Slicer::BambuStudio),
    ("Slic3r", Slicer::Slic3r),
    ("Cura_SteamEngine", Slicer::Cura),
    ("Simplify3D(R) Version", Slicer::Simplify3D),
    ("ideaMaker", Slicer::IdeaMaker),
    ("KISSlicer", Slicer::KissSlicer),
];

/// How much of a file's head and tail is read. PrusaSlicer's block has some 20 kB, thumbnails before the first layer up
/// to some 100 kB.
pub const END_BYTES: u64 = 256 * 1024;

/// Most extruders whose lengths are kept.
const MOST_EXTRUDERS: usize = 64;

impl Settings {
    /// Reads the comments of a file's first and last part. Lines that the parts cut in two are left out.
    #[must_use]
    pub fn from_ends(head: &[u8], tail: &[u8]) -> Self {
        let mut settings = Self::default();
        let head_end = memchr::memrchr(b'\n', head).unwrap_or(head.len());
        let tail_start = memchr::memchr(b'\n', tail).map_or(tail.len(), |at| at + 1);
        for line in head[..head_end].split(|&byte| byte == b'\n').chain(tail[tail_start..].split(|&byte| byte == b'\n'))
        {
            if let [b';', comment @ ..] = line.trim_ascii() {
                let comment = comment.trim_ascii();
                settings.layer_marks |= matches!(feature::remark(comment), Some(Remark::Layer(_)));
                settings.read(comment);
            }
        }
        settings
    }

    /// Reads the ends of a file and goes back to its start.
    ///
    /// # Errors
    ///
    /// Those of the file.
    pub fn from_file(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let mut part = |from: u64, bytes: u64| -> io::Result<Vec<u8>> {
            file.seek(SeekFrom::Start(from))?;
            let mut part = Vec::new();
            file.by_ref().take(bytes).read_to_end(&mut part)?;
            Ok(part)
        };
        let head = part(0, END_BYTES)?;
        // A part of the head may be read again: that does no harm.
        let tail = if length > END_BYTES { part(length - END_BYTES, END_BYTES)? } else { Vec::new() };
        file.rewind()?;
        Ok(Self::from_ends(&head, &tail))
    }

    /// Reads a comment that stands alone on its line, without its `;`. True when it was a setting.
    pub fn read(&mut self, comment: &[u8]) -> bool {
        // Cura puts its changed settings into one long text, cut into lines.
        if let Some(text) = comment.strip_prefix(b"SETTING_3 ") {
            return self.read_cura(text);
        }
        if let Some(at) = memchr::memmem::find(comment, b" = ") {
            return self.set(comment[..at].trim_ascii(), comment[at + 3..].trim_ascii());
        }
        match comment.first() {
            Some(b'L' | b'l' | b't') if self.read_counts(comment) => true,
            Some(first) if first.is_ascii_lowercase() && memchr::memchr(b',', comment).is_some() => {
                self.read_simplify(comment) || self.read_name(comment)
            }
            Some(_) => self.read_name(comment),
            None => false,
        }
    }

    fn read_name(&mut self, comment: &[u8]) -> bool {
        if self.slicer.is_some() {
            return false;
        }
        let Some((at, name, slicer)) = NAMES.iter().find_map(|&(name, slicer)| {
            let at = memchr::memmem::find(comment, name.as_bytes())?;
            // "generated by PrusaSlicer", "Sliced by ideaMaker", "KISSlicer - FREE": not any mention of it.
            let by = at == 0 || comment[..at].ends_with(b"by ") || comment[..at].ends_with(b"with ");
            by.then_some((at, name, slicer))
        }) else {
            return false;
        };
        self.slicer = Some(slicer);
        let rest = comment[at + name.len()..].trim_ascii_start();
        let end = rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b',').unwrap_or(rest.len());
        if rest.first().is_some_and(u8::is_ascii_digit) {
            self.version = Some(String::from_utf8_lossy(&rest[..end]).into_owned());
        }
        true
    }

    /// `LAYER_COUNT:100` (Cura), `Layer height: 0.2` (Cura), `total layer number: 29` (Bambu, Orca).
    fn read_counts(&mut self, comment: &[u8]) -> bool {
        let after = |prefix: &[u8]| comment.strip_prefix(prefix).and_then(number::parse);
        if let Some(count) = after(b"LAYER_COUNT:").or_else(|| after(b"total layer number:")) {
            self.layers = whole(count);
        } else if let Some(height) = after(b"Layer height:") {
            self.layer_height = Some(height);
        } else {
            return false;
        }
        true
    }

    /// Simplify3D: `extruderRetractionDistance,0.8,0.8`; speeds in mm/min.
    fn read_simplify(&mut self, comment: &[u8]) -> bool {
        let Some(at) = memchr::memchr(b',', comment) else { return false };
        let value = &comment[at + 1..];
        let first = || numbers(value).next();
        match &comment[..at] {
            b"extruderRetractionDistance" => self.retraction_length = numbers(value).take(MOST_EXTRUDERS).collect(),
            b"extruderRetractionZLift" => self.z_lift = first(),
            b"extruderRetractionSpeed" => self.retraction_speed = first().map(|speed| speed / 60.0),
            b"rapidXYspeed" => self.travel_speed = first().map(|speed| speed / 60.0),
            b"layerHeight" => self.layer_height = first(),
            b"spiralVaseMode" => self.vase = first().map(|flag| flag != 0.0),
            b"sequentialIslands" => self.sequential = first().map(|flag| flag != 0.0),
            b"relativeEdistances" => self.relative_extrusion = first().map(|flag| flag != 0.0),
            b"extruderDiameter" => self.nozzle = first(),
            _ => return false,
        }
        true
    }

    /// `key = value` pairs within Cura's escaped text, of which lines cut some.
    fn read_cura(&mut self, text: &[u8]) -> bool {
        let mut found = false;
        for part in memchr::memmem::find_iter(text, b" = ") {
            let start = text[..part].iter().rposition(|byte| !byte.is_ascii_lowercase() && *byte != b'_');
            let key = &text[start.map_or(0, |start| start + 1)..part];
            // A line feed is escaped once or more within the text: "\\n".
            let key = key.strip_prefix(b"n").filter(|_| start.is_some_and(|at| text[at] == b'\\')).unwrap_or(key);
            let value = &text[part + 3..];
            let end = value.iter().position(|byte| matches!(byte, b'\\' | b'"' | b'}')).unwrap_or(value.len());
            found |= end < value.len() && self.set(key, &value[..end]);
        }
        found
    }

    fn merge_lengths(&mut self) {
        let printer = |index| self.printer_lengths.get(index).or(self.printer_lengths.first()).copied().flatten();
        let filament = |index: usize| self.filament_lengths.get(index).copied().flatten();
        let count = self.printer_lengths.len().max(self.filament_lengths.len());
        self.retraction_length = (0..count).map_while(|index| filament(index).or(printer(index))).collect();
    }

    /// A setting of the families of Slic3r (PrusaSlicer to Bambu Studio), Cura and KISSlicer, by name.
    fn set(&mut self, key: &[u8], value: &[u8]) -> bool {
        let first = || numbers(value).next();
        match key {
            b"retract_length" | b"retraction_length" | b"retraction_amount" | b"destring_suck" => {
                self.printer_lengths = entries(value);
                self.merge_lengths();
            }
            b"filament_retract_length" | b"filament_retraction_length" => {
                self.filament_lengths = entries(value);
                self.merge_lengths();
            }
            b"retract_speed" | b"retraction_speed" | b"retraction_retract_speed" | b"destring_speed_mm_per_s" => {
                self.retraction_speed = first();
            }
            b"deretract_speed" | b"deretraction_speed" | b"retraction_prime_speed" => {
                self.unretraction_speed = first().filter(|&speed| speed > 0.0);
            }
            b"retract_lift" | b"z_hop" | b"retraction_hop" | b"Z_lift_mm" => {
                if !self.lift_by_filament {
                    self.z_lift = first();
                }
            }
            b"filament_retract_lift" | b"filament_z_hop" => {
                if let Some(lift) = first() {
                    self.lift_by_filament = true;
                    self.z_lift = Some(lift);
                }
            }
            b"retraction_hop_enabled" => self.hops = flag(value),
            b"travel_speed" | b"speed_travel" | b"travel_speed_mm_per_s" => self.travel_speed = first(),
            b"layer_height" | b"layer_thickness_mm" => self.layer_height = first(),
            b"first_layer_height" | b"initial_layer_print_height" | b"layer_height_0" | b"first_layer_thickness_mm" => {
                self.first_layer_height = first();
            }
            b"spiral_vase" | b"spiral_mode" | b"magic_spiralize" => self.vase = flag(value),
            b"complete_objects" => self.sequential = flag(value),
            b"print_sequence" => {
                self.sequential = Some(value.starts_with(b"by object") || value.starts_with(b"one_at_a_time"));
            }
            b"use_firmware_retraction" | b"machine_firmware_retract" => self.firmware_retraction = flag(value),
            b"use_relative_e_distances" | b"relative_extrusion" => self.relative_extrusion = flag(value),
            b"nozzle_diameter" | b"machine_nozzle_size" => {
                self.nozzle = first();
                self.extruders = u32::try_from(numbers(value).count()).ok();
            }
            b"machine_extruder_count" | b"num_extruders" => self.extruders = first().and_then(whole),
            b"total_layer_count" | b"total layers count" => self.layers = first().and_then(whole),
            _ => return false,
        }
        if self.hops == Some(false) {
            self.z_lift = Some(0.0);
        }
        true
    }
}

/// Numbers between commas, `None` for `nil`.
fn entries(value: &[u8]) -> Vec<Option<f64>> {
    let number = |entry: &[u8]| number::parse(entry).filter(|&number| number >= 0.0);
    value.split(|&byte| byte == b',').map(number).take(MOST_EXTRUDERS).collect()
}

/// Numbers between commas (or Simplify3D's bars); ends at the first that is none. Non-negative by nature.
fn numbers(value: &[u8]) -> impl Iterator<Item = f64> {
    value
        .split(|byte| matches!(byte, b',' | b'|' | b';'))
        .map_while(|number| number::parse(number.trim_ascii()))
        .filter(|number| *number >= 0.0)
}

fn flag(value: &[u8]) -> Option<bool> {
    match value.trim_ascii() {
        b"1" | b"True" | b"true" => Some(true),
        b"0" | b"False" | b"false" => Some(false),
        _ => None,
    }
}

fn whole(value: f64) -> Option<u32> {
    (value >= 0.0).then_some(value as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Settings {
        Settings::from_ends(text.as_bytes(), b"")
    }

    #[test]
    fn prusaslicers_block_is_read() {
        let settings = read(
            "; generated by PrusaSlicer 2.5.0+linux on 2026-11-23\n; retract_length = 0.8,1.2\n; retract_speed = 40\n\
             ; deretract_speed = 0\n; retract_lift = 0.2\n; travel_speed = 200\n; layer_height = 0.25\n\
             ; first_layer_height = 0.3\n; spiral_vase = 1\n; complete_objects = 0\n; use_firmware_retraction = 0\n\
             ; filament_retract_length = nil,nil\n; nozzle_diameter = 0.4,0.6\n;LAYER_CHANGE\n",
        );
        assert_eq!(settings.slicer, Some(Slicer::PrusaSlicer));
        assert_eq!(settings.version.as_deref(), Some("2.5.0+linux"));
        assert_eq!(settings.retraction_length, [0.8, 1.2]);
        assert_eq!((settings.retraction_speed, settings.unretraction_speed), (Some(40.0), None));
        assert_eq!((settings.z_lift, settings.travel_speed), (Some(0.2), Some(200.0)));
        assert_eq!((settings.layer_height, settings.first_layer_height), (Some(0.25), Some(0.3)));
        assert_eq!((settings.vase, settings.sequential), (Some(true), Some(false)));
        assert_eq!((settings.firmware_retraction, settings.extruders), (Some(false), Some(2)));
        assert!(settings.layer_marks);
    }

    #[test]
    fn a_filaments_own_retraction_wins_over_the_printers() {
        let settings = read(
            "; generated by OrcaSlicer 2.1.1 on 2024\n; filament_retraction_length = 1.5\n; retraction_length = 0.8\n\
             ; z_hop = 0.4\n; print_sequence = by object\n; spiral_mode = 0\n; total layers count = 20\n",
        );
        assert_eq!(settings.slicer, Some(Slicer::OrcaSlicer));
        assert_eq!(settings.retraction_length, [1.5]);
        let mixed = read("; retraction_length = 0.8\n; filament_retraction_length = nil,1.5\n; filament_z_hop = nil\n");
        assert_eq!(mixed.retraction_length, [0.8, 1.5]);
        assert_eq!((settings.z_lift, settings.sequential, settings.layers), (Some(0.4), Some(true), Some(20)));
    }

    #[test]
    fn curas_header_and_escaped_settings_are_read() {
        let settings = read(
            ";FLAVOR:Marlin\n;Layer height: 0.2\n;Generated with Cura_SteamEngine 5.4.0\n;LAYER_COUNT:50\n;LAYER:0\n\
             ;SETTING_3 {\"global_quality\": \"[values]\\\\nlayer_height = 0.2\\\\nmagic_spiralize = True\\\\n\\\\n\", \n\
             ;SETTING_3 \"[values]\\\\nretraction_amount = 4.5\\\\nretraction_hop = 0.3\\\\nretraction_hop_enabled = True\\\\n\"}\n",
        );
        assert_eq!((settings.slicer, settings.version.as_deref()), (Some(Slicer::Cura), Some("5.4.0")));
        assert_eq!((settings.layers, settings.layer_height, settings.vase), (Some(50), Some(0.2), Some(true)));
        assert_eq!((settings.retraction_length.as_slice(), settings.z_lift), ([4.5].as_slice(), Some(0.3)));
        assert!(settings.layer_marks);
    }

    #[test]
    fn simplify3ds_header_is_read() {
        let settings = read(
            "; G-Code generated by Simplify3D(R) Version 4.1.2\n;   extruderRetractionDistance,1,2\n\
             ;   extruderRetractionZLift,0.1\n;   extruderRetractionSpeed,1800\n;   rapidXYspeed,4800\n\
             ;   layerHeight,0.2\n;   spiralVaseMode,0\n; layer 1, Z = 0.2\n",
        );
        assert_eq!((settings.slicer, settings.version.as_deref()), (Some(Slicer::Simplify3D), Some("4.1.2")));
        assert_eq!(settings.retraction_length, [1.0, 2.0]);
        assert_eq!((settings.retraction_speed, settings.travel_speed), (Some(30.0), Some(80.0)));
        assert_eq!((settings.z_lift, settings.layer_height, settings.vase), (Some(0.1), Some(0.2), Some(false)));
        assert!(settings.layer_marks);
    }

    #[test]
    fn the_others_are_recognised() {
        assert_eq!(read(";Sliced by ideaMaker 4.3.2.6470, 2023\n").slicer, Some(Slicer::IdeaMaker));
        let settings =
            read("; KISSlicer - FREE\n; destring_suck = 1.25\n; Z_lift_mm = 0\n; layer_thickness_mm = 0.3\n");
        assert_eq!(settings.slicer, Some(Slicer::KissSlicer));
        assert_eq!((settings.retraction_length.as_slice(), settings.z_lift), ([1.25].as_slice(), Some(0.0)));
        assert_eq!(read("; BambuStudio 01.08.00.62\n; total layer number: 29\n").layers, Some(29));
        assert_eq!(read("; made for PrusaSlicer users\n").slicer, None);
    }
}
