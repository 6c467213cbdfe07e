//! Help with sliced files.

use crate::machine::TruePosition;

/// The first `layers` layers of one of the sliced files in `tests/data/gcode`.
///
/// # Errors
///
/// When there is no such file.
pub fn sliced(name: &str, layers: usize) -> std::io::Result<String> {
    let file = std::fs::read_to_string(super::repository().join("tests/data/gcode").join(name))?;
    Ok(first_layers(&file, layers).to_owned())
}

/// The file up to the end of its first `layers` layers, by the slicer's `;LAYER_CHANGE` comments; all of it when it has
/// no more.
#[must_use]
pub fn first_layers(file: &str, layers: usize) -> &str {
    file.match_indices(";LAYER_CHANGE").nth(layers).map_or(file, |(at, _)| &file[..at])
}

/// A file that prints object after object, with the first `layers` layers of each and the last one, which leads to the
/// next object; by the slicer's `;LAYER_CHANGE` and `;Z:` comments.
#[must_use]
pub fn first_layers_of_each_object(file: &str, layers: usize) -> String {
    let mut parts = file.split_inclusive(";LAYER_CHANGE\n");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    let parts: Vec<&str> = parts.collect();
    let height = |part: &str| -> Option<f64> {
        part.lines().find_map(|line| line.strip_prefix(";Z:")).and_then(|height| height.parse().ok())
    };
    let mut of_object = 0;
    for (at, part) in parts.iter().enumerate() {
        let lower = |a: Option<&&str>, b: &str| a.and_then(|a| height(a)) < height(b);
        of_object = if at > 0 && lower(Some(part), parts[at - 1]) { 1 } else { of_object + 1 };
        let last = parts.get(at + 1).is_none_or(|next| lower(Some(next), part));
        if of_object <= layers || last {
            kept += part;
        }
    }
    kept
}

/// The filament that a file with relative E (M83) and own retraction moves, net, in mm.
#[must_use]
pub fn net_filament(file: &str) -> f64 {
    file.lines()
        .map(|line| line.split(';').next().unwrap_or_default())
        .filter(|line| ["G0 ", "G1 "].iter().any(|word| line.starts_with(word)))
        .flat_map(|line| line.split_whitespace())
        .filter_map(|word| word.strip_prefix('E')?.parse::<f64>().ok())
        .sum()
}

/// A rectangle on the bed, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Least X and Y.
    pub low: [f64; 2],
    /// Greatest X and Y.
    pub high: [f64; 2],
}

impl Area {
    /// Whether the head is over it.
    #[must_use]
    pub fn contains(&self, head: TruePosition) -> bool {
        (self.low[0]..=self.high[0]).contains(&head.x) && (self.low[1]..=self.high[1]).contains(&head.y)
    }

    /// The area and `margin` mm around it.
    #[must_use]
    pub fn grown(self, margin: f64) -> Self {
        Self { low: self.low.map(|low| low - margin), high: self.high.map(|high| high + margin) }
    }
}

/// Where a file with absolute X and Y moves the head, which is where it prints and a little more; homing not counted.
#[must_use]
pub fn moved_area(file: &str) -> Area {
    let mut area = Area { low: [f64::INFINITY; 2], high: [f64::NEG_INFINITY; 2] };
    for line in file.lines().filter(|line| line.starts_with("G1 ") || line.starts_with("G0 ")) {
        for word in line.split(';').next().unwrap_or_default().split_whitespace() {
            for (axis, letter) in ['X', 'Y'].into_iter().enumerate() {
                if let Some(value) = word.strip_prefix(letter).and_then(|value| value.parse().ok()) {
                    area.low[axis] = area.low[axis].min(value);
                    area.high[axis] = area.high[axis].max(value);
                }
            }
        }
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "G28\nM83\n;LAYER_CHANGE\nG1 X1 E1.5 ; E9\n;LAYER_CHANGE\nG1 E-.5\nG92 E0\n;LAYER_CHANGE\nG1 E3\n";

    #[test]
    fn a_file_is_cut_at_layers() {
        assert_eq!(first_layers(FILE, 1), "G28\nM83\n;LAYER_CHANGE\nG1 X1 E1.5 ; E9\n");
        assert_eq!(first_layers(FILE, 9), FILE);
    }

    #[test]
    fn each_object_is_cut_to_its_first_layers_and_its_last() {
        let layer = |z: f64| format!(";Z:{z}\nG1 Z{z}\n;LAYER_CHANGE\n");
        let file = |heights: &[f64]| {
            let layers: String = heights.iter().map(|&z| layer(z)).collect();
            format!("G28\n;LAYER_CHANGE\n{}end", layers.trim_end_matches(";LAYER_CHANGE\n"))
        };
        let cut = first_layers_of_each_object(&file(&[0.2, 0.4, 0.6, 0.8, 0.2, 0.4, 0.6]), 1);
        assert_eq!(cut, file(&[0.2, 0.8, 0.2, 0.6]));
    }

    #[test]
    fn the_area_spans_all_moves() {
        let area = moved_area("G28\nG1 X10 Y20 F900 ; Y99\nG1 Y5.5\nG0 X30 E1\nG92 X500\n");
        assert_eq!(area, Area { low: [10.0, 5.5], high: [30.0, 20.0] });
        assert!(area.grown(1.0).contains(TruePosition { x: 9.5, y: 21.0, ..TruePosition::default() }));
        assert!(!area.contains(TruePosition { x: 9.5, y: 10.0, ..TruePosition::default() }));
    }

    #[test]
    fn filament_is_summed_with_its_sign() {
        assert_eq!(net_filament(first_layers(FILE, 2)), 1.0);
    }
}
