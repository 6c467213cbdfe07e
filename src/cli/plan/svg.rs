//! A picture of one layer with its windows, for people who look rather than read.

use std::fmt::Write as _;

use super::layer::{Layer, Piece};
use super::view::{View, colour, name};
use crate::planner::{Kind, Plan, Snapshot, Window};
use crate::stabilize::{Bed, Limits, Point};

/// The size of the picture and of the part with the bed, px.
const WIDTH: f64 = 1240.0;
const HEIGHT: f64 = 860.0;
const VIEW: f64 = 820.0;
const MARGIN: f64 = 20.0;

/// Window markers that are drawn.
const SHOWN: usize = 6;

/// The magnified print is left out where less room is left for it than this, px.
const LEAST_INSET: f64 = 180.0;

/// The print is large enough for numbers when it fills this part of the view.
const LARGE: f64 = 0.4;

/// The picture of `snapshot`'s layer.
pub(super) fn draw(title: &str, plan: &Plan, snapshot: &Snapshot, layer: &Layer, limits: &Limits) -> String {
    let printed = layer.pieces.iter().filter(|piece| piece.prints.is_some());
    let mut points: Vec<Point> = printed.flat_map(|piece| [piece.from, piece.to]).collect();
    points.extend(snapshot.windows.iter().take(SHOWN).flat_map(|w| [at(w), resume(w)]));
    let print = View::around(&points, 2.0, (0.0, 0.0, VIEW));
    points.extend(snapshot.windows.first().map(|w| park(snapshot, w)));
    let view = View::around(&points, 12.0, (MARGIN, MARGIN, VIEW));
    let magnify = print.side() < LARGE * view.side();
    let mut svg = String::with_capacity(64 * layer.pieces.len());
    let mut picture = Picture { view, svg: &mut svg };
    picture.begin();
    picture.open("view");
    picture.bed(limits);
    picture.taller(layer);
    picture.paths(layer);
    picture.fallback(layer, snapshot);
    picture.ways(snapshot);
    picture.markers(layer, snapshot, !magnify);
    picture.close();
    let below = picture.panel(title, plan, snapshot, layer);
    let left = MARGIN + VIEW + 28.0;
    let size = (WIDTH - MARGIN - left).min(HEIGHT - MARGIN - below - 24.0);
    if magnify && size >= LEAST_INSET {
        picture.view = View { scale: size / print.side(), left, top: HEIGHT - MARGIN - size, size, ..print };
        picture.open("inset");
        picture.bed(limits);
        picture.taller(layer);
        picture.paths(layer);
        picture.fallback(layer, snapshot);
        picture.ways(snapshot);
        picture.markers(layer, snapshot, true);
        picture.close();
    }
    svg.push_str("</svg>\n");
    svg
}

fn at(window: &Window) -> Point {
    Point::new(window.at[0], window.at[1])
}

fn resume(window: &Window) -> Point {
    Point::new(window.resume[0], window.resume[1])
}

/// Where the head goes from `window`.
fn park(snapshot: &Snapshot, window: &Window) -> Point {
    Point::new(snapshot.park.x.unwrap_or(window.at[0]), snapshot.park.y.unwrap_or(window.at[1]))
}

/// Writes the parts. (Writing to a string cannot fail.)
struct Picture<'a> {
    view: View,
    svg: &'a mut String,
}

/// `write!` to the picture.
macro_rules! put {
    ($picture:expr, $($format:tt)*) => {
        writeln!($picture.svg, $($format)*).unwrap_or_default()
    };
}

impl Picture<'_> {
    fn begin(&mut self) {
        put!(
            self,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
             height=\"{HEIGHT}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"13\" fill=\"#2b2f36\">"
        );
        put!(self, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#f4f2ee\"/>");
        put!(
            self,
            "<marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path d=\"M0,0 L10,5 L0,10 z\" fill=\"#1565c0\"/></marker>"
        );
    }

    /// Begins the square of the view.
    fn open(&mut self, id: &str) {
        let View { left, top, size, .. } = self.view;
        let square = format!("x=\"{left}\" y=\"{top}\" width=\"{size}\" height=\"{size}\" rx=\"8\"");
        put!(
            self,
            "<clipPath id=\"{id}\"><rect {square}/></clipPath>\n<rect {square} fill=\"#e4e1da\"/>\n\
             <g clip-path=\"url(#{id})\">"
        );
    }

    fn close(&mut self) {
        put!(self, "</g>");
    }

    fn bed(&mut self, limits: &Limits) {
        let (min, max) = limits.bounds();
        let v = self.view;
        let (x, y) = (v.x(min), v.y(max));
        match limits.bed() {
            Bed::Rectangle { .. } => {
                let (w, h) = ((max.x - min.x) * v.scale, (max.y - min.y) * v.scale);
                put!(self, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" fill=\"#fff\"/>");
            }
            Bed::Round { centre, radius } => {
                let (cx, cy, r) = (v.x(centre), v.y(centre), radius * v.scale);
                put!(self, "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{r:.1}\" fill=\"#fff\"/>");
            }
        }
        // A line every 10 mm, a darker one every 50.
        let range = |from: f64, to: f64| ((from / 10.0).ceil() as i32)..=((to / 10.0).floor() as i32);
        let grey = |i: i32| if i % 5 == 0 { "#d4d0c8" } else { "#efece6" };
        for i in range(v.min.x.max(min.x), v.max.x.min(max.x)) {
            let x = v.x(Point::new(f64::from(i) * 10.0, 0.0));
            let (y1, y2) = (v.y(max).max(v.top), v.y(min).min(v.top + v.size));
            put!(self, "<path d=\"M{x:.1},{y1:.1} V{y2:.1}\" stroke=\"{}\"/>", grey(i));
            if i % 5 == 0 {
                put!(
                    self,
                    "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#8b867c\">x {}</text>",
                    x + 4.0,
                    v.top + v.size - 8.0,
                    i * 10
                );
            }
        }
        for i in range(v.min.y.max(min.y), v.max.y.min(max.y)) {
            let y = v.y(Point::new(0.0, f64::from(i) * 10.0));
            let (x1, x2) = (v.x(min).max(v.left), v.x(max).min(v.left + v.size));
            put!(self, "<path d=\"M{x1:.1},{y:.1} H{x2:.1}\" stroke=\"{}\"/>", grey(i));
            if i % 5 == 0 {
                put!(
                    self,
                    "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#8b867c\">y {}</text>",
                    v.left + 8.0,
                    y - 4.0,
                    i * 10
                );
            }
        }
    }

    /// What stands higher: the head must not go there.
    fn taller(&mut self, layer: &Layer) {
        if layer.taller.is_empty() {
            return;
        }
        let (d, width) = (self.path(layer.taller.iter().copied()), 1.2 * self.view.scale);
        put!(
            self,
            "<path d=\"{d}\" fill=\"none\" stroke=\"#b9b4aa\" stroke-width=\"{width:.1}\" stroke-linecap=\"round\"/>"
        );
    }

    fn path(&self, pieces: impl Iterator<Item = (Point, Point)>) -> String {
        let mut d = String::new();
        let mut last = None;
        for (from, to) in pieces {
            if last != Some(from) {
                write!(d, "M{:.1},{:.1}", self.view.x(from), self.view.y(from)).unwrap_or_default();
            }
            write!(d, "L{:.1},{:.1}", self.view.x(to), self.view.y(to)).unwrap_or_default();
            last = Some(to);
        }
        d
    }

    fn paths(&mut self, layer: &Layer) {
        let width = (0.42 * self.view.scale).max(1.0);
        // Runs of the same feature are one path.
        for run in layer.pieces.chunk_by(|a, b| a.prints == b.prints) {
            let Some(Some(feature)) = run.first().map(|piece| piece.prints) else { continue };
            let d = self.path(run.iter().map(|p| (p.from, p.to)));
            put!(
                self,
                "<path d=\"{d}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width:.2}\" stroke-linecap=\"round\" \
                 stroke-linejoin=\"round\"/>",
                colour(feature)
            );
        }
        let travels = layer.pieces.iter().filter(|p| p.prints.is_none()).map(|p| (p.from, p.to));
        let d = self.path(travels);
        put!(
            self,
            "<path d=\"{d}\" fill=\"none\" stroke=\"#5b6270\" stroke-width=\"0.9\" stroke-dasharray=\"2 3\" opacity=\"0.75\"/>"
        );
    }

    /// The stretch in which the fallback may be taken.
    fn fallback(&mut self, layer: &Layer, snapshot: &Snapshot) {
        let Some(fallback) = &snapshot.fallback else { return };
        let inside = |piece: &&Piece| piece.end > fallback.span.from && piece.end <= fallback.span.to;
        let pieces = layer.pieces.iter().filter(inside).filter(|p| p.prints.is_some());
        let d = self.path(pieces.map(|p| (p.from, p.to)));
        let width = (1.3 * self.view.scale).max(4.0);
        put!(
            self,
            "<path d=\"{d}\" fill=\"none\" stroke=\"#2e7d32\" stroke-width=\"{width:.1}\" stroke-linecap=\"round\" \
             stroke-linejoin=\"round\" opacity=\"0.22\"/>"
        );
    }

    /// The head's way to the park position and on, for the best window and faintly for the others.
    fn ways(&mut self, snapshot: &Snapshot) {
        for (i, window) in snapshot.windows.iter().take(SHOWN).enumerate().rev() {
            let park = park(snapshot, window);
            let (p, a, r) = (park, at(window), resume(window));
            if p.distance(a) < 0.01 && p.distance(r) < 0.01 {
                continue;
            }
            let v = self.view;
            let (width, opacity, arrow) =
                if i == 0 { (2.4, 0.95, " marker-end=\"url(#arrow)\"") } else { (1.0, 0.28, "") };
            let line =
                |from: Point, to: Point| format!("M{:.1},{:.1} L{:.1},{:.1}", v.x(from), v.y(from), v.x(to), v.y(to));
            put!(
                self,
                "<path d=\"{}\" stroke=\"#1565c0\" stroke-width=\"{width}\" opacity=\"{opacity}\"{arrow}/>\n\
                 <path d=\"{}\" stroke=\"#1565c0\" stroke-width=\"{width}\" opacity=\"{opacity}\" stroke-dasharray=\"7 5\"{arrow}/>",
                line(a, p),
                line(p, r)
            );
        }
    }

    fn markers(&mut self, layer: &Layer, snapshot: &Snapshot, numbered: bool) {
        let v = self.view;
        for p in &layer.candidates {
            put!(
                self,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2\" fill=\"#5b6270\" opacity=\"0.6\"/>",
                v.x(*p),
                v.y(*p)
            );
        }
        let windows = || snapshot.windows.iter().take(SHOWN).enumerate();
        for (i, window) in windows().rev() {
            let p = at(window);
            let fill = if i == 0 { "#1565c0" } else { "#fff" };
            put!(
                self,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{fill}\" stroke=\"#1565c0\" stroke-width=\"1.6\"/>",
                v.x(p),
                v.y(p)
            );
        }
        let mut drawn: Vec<(f64, f64)> = Vec::new();
        for (i, window) in windows().filter(|_| numbered) {
            let p = at(window);
            let (from_x, y) = (v.x(p), v.y(p) - 15.0);
            // Numbers of neighbours stand side by side.
            let mut x = from_x;
            while drawn.iter().any(|(dx, dy)| (dx - x).hypot(dy - y) < 19.0) {
                x += 20.0;
            }
            drawn.push((x, y));
            let (fill, text) = if i == 0 { ("#1565c0", "#fff") } else { ("#fff", "#1565c0") };
            put!(
                self,
                "<path d=\"M{from_x:.1},{:.1} L{x:.1},{y:.1}\" stroke=\"#1565c0\"/>\n\
                 <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\" fill=\"{fill}\" stroke=\"#1565c0\" stroke-width=\"1.4\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\" font-weight=\"600\" fill=\"{text}\">{}</text>",
                v.y(p) - 4.0,
                y + 4.0,
                i + 1
            );
        }
        if let Some(window) = snapshot.windows.first().filter(|_| !snapshot.moves_nothing()) {
            let p = park(snapshot, window);
            let (x, y) = (v.x(p), v.y(p));
            put!(
                self,
                "<g stroke=\"#c62828\" stroke-width=\"2.2\" fill=\"none\"><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\" fill=\"#fff\"/>\
                 <path d=\"M{:.1},{y:.1} h30 M{x:.1},{:.1} v30\"/></g>",
                x - 15.0,
                y - 15.0
            );
        }
    }

    /// The text beside the picture; returns where it ends.
    fn panel(&mut self, title: &str, plan: &Plan, snapshot: &Snapshot, layer: &Layer) -> f64 {
        let x = MARGIN + VIEW + 28.0;
        let mut y = MARGIN + 24.0;
        let escaped = title.replace('&', "&amp;").replace('<', "&lt;");
        put!(self, "<text x=\"{x}\" y=\"{y}\" font-size=\"18\" font-weight=\"600\">{escaped}</text>");
        y += 24.0;
        put!(
            self,
            "<text x=\"{x}\" y=\"{y}\" fill=\"#6a6f78\">layer {} of {}, z {:.2} mm, {}</text>",
            snapshot.layer,
            plan.totals.layers,
            snapshot.height,
            plan.mode
        );
        y += 22.0;
        let park = match (snapshot.park.x, snapshot.park.y) {
            (Some(x), Some(y)) => format!("head at x {x:.1}, y {y:.1}, {:.2} s", snapshot.cost_s),
            (Some(x), None) => format!("head at x {x:.1}, {:.2} s", snapshot.cost_s),
            (None, Some(y)) => format!("head at y {y:.1}, {:.2} s", snapshot.cost_s),
            (None, None) => "the head goes nowhere".to_owned(),
        };
        put!(
            self,
            "<path d=\"M{},{} h14 m-7,-7 v14\" stroke=\"#c62828\" stroke-width=\"2\"/><text x=\"{}\" y=\"{y}\">{park}</text>",
            x,
            y - 4.5,
            x + 24.0
        );
        y += 34.0;
        put!(self, "<text x=\"{x}\" y=\"{y}\" font-weight=\"600\">windows, best first</text>");
        for (i, window) in snapshot.windows.iter().take(SHOWN).enumerate() {
            y += 22.0;
            let (fill, text) = if i == 0 { ("#1565c0", "#fff") } else { ("#fff", "#1565c0") };
            put!(
                self,
                "<circle cx=\"{}\" cy=\"{}\" r=\"9\" fill=\"{fill}\" stroke=\"#1565c0\" stroke-width=\"1.4\"/>\
                 <text x=\"{}\" y=\"{y}\" text-anchor=\"middle\" font-size=\"11\" font-weight=\"600\" fill=\"{text}\">{}</text>\
                 <text x=\"{}\" y=\"{y}\">{}</text>",
                x + 9.0,
                y - 4.5,
                x + 9.0,
                i + 1,
                x + 26.0,
                describe(window)
            );
        }
        if snapshot.windows.len() > SHOWN {
            y += 22.0;
            put!(
                self,
                "<text x=\"{}\" y=\"{y}\" fill=\"#6a6f78\">and {} more</text>",
                x + 26.0,
                snapshot.windows.len() - SHOWN
            );
        }
        if let Some(fallback) = &snapshot.fallback {
            y += 26.0;
            put!(
                self,
                "<path d=\"M{},{} h16\" stroke=\"#2e7d32\" stroke-width=\"9\" stroke-linecap=\"round\" opacity=\"0.3\"/>\
                 <text x=\"{}\" y=\"{y}\">fallback: in {}, {:.1} s long</text>",
                x + 2.0,
                y - 4.5,
                x + 26.0,
                name(fallback.feature),
                fallback.seconds
            );
        }
        y += 40.0;
        put!(self, "<text x=\"{x}\" y=\"{y}\" font-weight=\"600\">paths</text>");
        let mut seen = Vec::new();
        for feature in layer.pieces.iter().filter_map(|p| p.prints) {
            if !seen.contains(&feature) {
                seen.push(feature);
            }
        }
        for feature in seen {
            y += 21.0;
            put!(
                self,
                "<path d=\"M{},{} h16\" stroke=\"{}\" stroke-width=\"5\" stroke-linecap=\"round\"/><text x=\"{}\" y=\"{y}\">{}</text>",
                x + 2.0,
                y - 4.5,
                colour(feature),
                x + 26.0,
                name(feature)
            );
        }
        y += 21.0;
        put!(
            self,
            "<path d=\"M{},{} h18\" stroke=\"#5b6270\" stroke-dasharray=\"2 3\"/><text x=\"{}\" y=\"{y}\">travel, with candidates</text>",
            x,
            y - 4.5,
            x + 26.0
        );
        if !layer.taller.is_empty() {
            y += 21.0;
            put!(
                self,
                "<path d=\"M{},{} h16\" stroke=\"#b9b4aa\" stroke-width=\"9\" stroke-linecap=\"round\"/><text x=\"{}\" y=\"{y}\">finished and higher</text>",
                x + 2.0,
                y - 4.5,
                x + 26.0
            );
        }
        y
    }
}

/// A window in a few words.
fn describe(window: &Window) -> String {
    let way = match (window.rise_to, window.returns) {
        _ if window.kind == Kind::ZeroMotion => return format!("in {}, in passing", name(window.feature)),
        (Some(z), _) => format!("rises to {z:.1}"),
        (None, true) => "comes back".to_owned(),
        (None, false) => "goes on".to_owned(),
    };
    let own = if window.retract { ", own retraction" } else { "" };
    format!("after {}, {way}, {:.0} mm{own}", name(window.feature), window.travel_mm)
}
