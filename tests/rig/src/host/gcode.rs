//! Help with sliced files.

/// The file up to the end of its first `layers` layers, by the slicer's `;LAYER_CHANGE` comments; all of it when it has
/// no more.
#[must_use]
pub fn first_layers(file: &str, layers: usize) -> &str {
    file.match_indices(";LAYER_CHANGE").nth(layers).map_or(file, |(at, _)| &file[..at])
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
    fn filament_is_summed_with_its_sign() {
        assert_eq!(net_filament(first_layers(FILE, 2)), 1.0);
    }
}
