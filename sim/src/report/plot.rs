//! The plots, as SVG. Everything plotted is in virtual time, so the bytes are always the same.
//!
//! A protocol has a stroke and a marker, a variant (such as where the client is) a colour; the
//! colours differ in lightness, so that everything can be told apart in grey too.

use std::fmt::Write as _;

use crate::words::escaped;

const WIDTH: f64 = 820.0;
/// The height of a panel of curves, and of a row of dots.
const PANEL: f64 = 210.0;
const ROW: f64 = 21.0;
/// Above the panels: the title and the legend. Below them: labels of the axis.
const HEAD: f64 = 74.0;
const FOOT: f64 = 46.0;
/// So many labels an axis has at most.
const TICKS_MAX: f64 = 6.0;
/// Told apart with any kind of colour vision (Okabe and Ito), and in grey: dark and light.
const COLORS: [&str; 4] = ["#0072b2", "#e69f00", "#000000", "#999999"];
/// Width and opacity of a line: a wide pale one can be seen below a narrow one.
const STROKES: [(f64, f64); 2] = [(6.0, 0.45), (1.6, 1.0)];
/// Of the variants: what lies below a dashed line can be seen.
const DASHES: [&str; 2] = ["none", "7 4"];

/// How a curve or a row looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Which protocol it belongs to, by its place.
    pub(super) protocol: usize,
    /// Which variant.
    pub(super) variant: usize,
}

impl Look {
    fn color(self) -> &'static str {
        COLORS[self.variant % COLORS.len()]
    }

    fn line(self) -> String {
        let (width, opacity) = STROKES[self.protocol % STROKES.len()];
        let color = self.color();
        let dashes = DASHES[self.variant % DASHES.len()];
        format!(
            "fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" \
             stroke-opacity=\"{opacity}\" stroke-dasharray=\"{dashes}\""
        )
    }
}

/// A distribution.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) look: Look,
    /// In milliseconds, in any order.
    pub(super) values: Vec<f64>,
    /// What no value can be below.
    pub(super) bound: Option<f64>,
}

/// Distributions on one pair of axes.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) name: String,
    pub(super) curves: Vec<Curve>,
}

/// Values on a line of their own.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) look: Look,
    /// In milliseconds, ascending.
    pub(super) values: Vec<f64>,
    /// Stands at the right.
    pub(super) remark: String,
}

/// A drawing under way.
struct Svg(String);

/// Where a text's place is.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    fn new(height: f64, title: &str) -> Svg {
        let mut svg = Svg(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        ));
        svg.add(format!(
            "<text x=\"20\" y=\"26\" font-size=\"16\">{}</text>",
            escaped(title)
        ));
        svg
    }

    fn add(&mut self, element: impl AsRef<str>) {
        self.0.push_str(element.as_ref());
        self.0.push('\n');
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.add(format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    fn path(&mut self, points: impl IntoIterator<Item = (f64, f64)>, style: &str) {
        let mut steps = String::new();
        for (place, (x, y)) in points.into_iter().enumerate() {
            let _ = write!(steps, "{}{x:.1} {y:.1}", if place == 0 { 'M' } else { 'L' });
        }
        self.add(format!("<path d=\"{steps}\" {style}/>"));
    }

    fn grid(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.path([from, to], "stroke=\"#dddddd\"");
    }

    /// A round marker for the first protocol, a square one for the second.
    fn marker(&mut self, look: Look, (x, y): (f64, f64), size: f64, style: &str) {
        let color = look.color();
        self.add(if look.protocol.is_multiple_of(2) {
            format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{size}\" fill=\"{color}\" {style}/>")
        } else {
            let (left, top, side) = (x - size, y - size, 2.0 * size);
            format!(
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{side}\" height=\"{side}\" \
                 fill=\"{color}\" {style}/>"
            )
        });
    }

    fn ended(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// Empirical distribution functions: how many percent of the values are no greater than x.
pub(super) fn distributions(title: &str, panels: &[Panel]) -> String {
    let mut svg = Svg::new(HEAD + PANEL + FOOT, title);
    let mut legend: Vec<(&str, Look)> = Vec::new();
    for curve in panels.iter().flat_map(|panel| &panel.curves) {
        if legend.iter().all(|(_, look)| *look != curve.look) {
            legend.push((&curve.name, curve.look));
        }
    }
    let wide = (WIDTH - 70.0) / legend.len().max(1) as f64;
    let mut x = 60.0;
    for (name, look) in legend {
        svg.path([(x, 50.0), (x + 22.0, 50.0)], &look.line());
        svg.text((x + 28.0, 54.0), Anchor::Start, name);
        x += wide;
    }
    let mut curves = panels.iter().flat_map(|panel| &panel.curves);
    if curves.any(|curve| curve.bound.is_some()) {
        let x = WIDTH - 110.0;
        svg.path([(x, 14.0), (x, 30.0)], BOUND);
        svg.text((x + 10.0, 26.0), Anchor::Start, "lower bound");
    }
    let width = (WIDTH - 60.0) / panels.len().max(1) as f64;
    for (place, panel) in panels.iter().enumerate() {
        draw_panel(&mut svg, panel, 60.0 + place as f64 * width, width - 24.0);
    }
    let middle = (60.0 + WIDTH) / 2.0;
    let below = HEAD + PANEL + 38.0;
    svg.text(
        (middle, below),
        Anchor::Middle,
        "milliseconds of virtual time",
    );
    svg.ended()
}

/// How a lower bound looks.
const BOUND: &str = "stroke=\"#000000\" stroke-width=\"1\" stroke-dasharray=\"2 3\"";

fn draw_panel(svg: &mut Svg, panel: &Panel, left: f64, width: f64) {
    let values = || panel.curves.iter().flat_map(|curve| &curve.values);
    let right = values().copied().fold(1.0, f64::max) * 1.04;
    let (top, bottom) = (HEAD, HEAD + PANEL);
    let x = |value: f64| left + value / right * width;
    let y = |share: f64| bottom - share * (PANEL - 18.0);
    for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let level = y(percent / 100.0);
        svg.grid((left, level), (left + width, level));
        if left < 100.0 {
            let label = format!("{percent} %");
            svg.text((left - 6.0, level + 4.0), Anchor::End, &label);
        }
    }
    let step = step(right);
    for tick in (0u32..).map(|count| f64::from(count) * step) {
        if tick > right {
            break;
        }
        svg.grid((x(tick), bottom), (x(tick), bottom + 4.0));
        let label = tick.to_string();
        svg.text((x(tick), bottom + 18.0), Anchor::Middle, &label);
    }
    svg.text((left + 2.0, top + 8.0), Anchor::Start, &panel.name);
    for curve in &panel.curves {
        let mut values = curve.values.clone();
        values.sort_by(f64::total_cmp);
        let count = values.len().max(1) as f64;
        let mut points = Vec::new();
        for (place, value) in values.into_iter().enumerate() {
            let [before, after] = [place, place + 1].map(|place| y(place as f64 / count));
            points.extend([(x(value), before), (x(value), after)]);
        }
        points.dedup_by(|a, b| (a.0 - b.0).hypot(a.1 - b.1) < 0.4);
        svg.path(points, &curve.look.line());
        if let Some(bound) = curve.bound {
            svg.path([(x(bound), y(0.0)), (x(bound), y(1.0))], BOUND);
        }
    }
}

/// The distance of an axis's labels: 1, 2 or 5 times a power of ten, and a whole number.
fn step(right: f64) -> f64 {
    let units = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
    let steps = units
        .into_iter()
        .flat_map(|unit| [1.0, 2.0, 5.0].map(|by| by * unit));
    let mut fitting = steps.filter(|step| right / step <= TICKS_MAX);
    fitting.next().unwrap_or(right)
}

/// Values as dots in rows, on a logarithmic scale: each value, a line from the tenth to the
/// ninetieth percentile, and the median as a marker.
pub(super) fn dots(title: &str, protocols: &[&str], rows: &[Row]) -> String {
    let (left, right) = (110.0, WIDTH - 130.0);
    let bottom = HEAD + ROW * rows.len() as f64;
    let mut svg = Svg::new(bottom + FOOT, title);
    let mut place = left;
    for (protocol, name) in protocols.iter().enumerate() {
        let look = Look {
            protocol,
            variant: protocol,
        };
        svg.marker(look, (place, 50.0), 5.0, "");
        svg.text((place + 12.0, 54.0), Anchor::Start, name);
        place += 90.0;
    }
    let key = "marker: median; line: 10th to 90th percentile; pale: each";
    svg.text((place, 54.0), Anchor::Start, key);
    let values = || rows.iter().flat_map(|row| &row.values);
    let least = values().copied().fold(f64::MAX, f64::min).clamp(1.0, 1e9);
    let most = values().copied().fold(1.0, f64::max);
    let decades = least.log10().floor()..=most.log10().ceil().max(least.log10().floor() + 1.0);
    let span = decades.end() - decades.start();
    let x = |value: f64| left + (value.max(1.0).log10() - decades.start()) / span * (right - left);
    let mut decade = *decades.start();
    while decade <= *decades.end() {
        let value = 10f64.powf(decade);
        svg.grid((x(value), HEAD), (x(value), bottom + 4.0));
        svg.text((x(value), bottom + 18.0), Anchor::Middle, &lasting(value));
        decade += 1.0;
    }
    for (place, row) in rows.iter().enumerate() {
        let y = HEAD + ROW * (place as f64 + 0.5);
        svg.grid((left, y), (right, y));
        svg.text((left - 8.0, y + 4.0), Anchor::End, &row.name);
        svg.text((right + 10.0, y + 4.0), Anchor::Start, &row.remark);
        let Some(last) = row.values.len().checked_sub(1) else {
            continue;
        };
        let at = |percent: usize| x(row.values[(last * percent + 50) / 100]);
        for value in &row.values {
            svg.marker(row.look, (x(*value), y), 2.5, "fill-opacity=\"0.25\"");
        }
        let spread = format!("stroke=\"{}\" stroke-width=\"2\"", row.look.color());
        svg.path([(at(10), y), (at(90), y)], &spread);
        svg.marker(row.look, (at(50), y), 5.0, "stroke=\"#ffffff\"");
    }
    let middle = (left + right) / 2.0;
    svg.text(
        (middle, bottom + 38.0),
        Anchor::Middle,
        "virtual time of the runs, one after the other",
    );
    svg.ended()
}

/// A power of ten of milliseconds.
fn lasting(millis: f64) -> String {
    if millis < 999.0 {
        format!("{millis:.0} ms")
    } else {
        format!("{:.0} s", millis / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look {
        protocol: 0,
        variant: 0,
    };

    #[test]
    fn a_plot_shows_its_names_and_is_the_same_every_time() {
        let panels = [Panel {
            name: "n = 3".to_owned(),
            curves: vec![Curve {
                name: "zab & co".to_owned(),
                look: LOOK,
                values: vec![2.0, 1.0, 7.0],
                bound: Some(0.9),
            }],
        }];
        let first = distributions("Latency", &panels);
        for name in ["Latency", "n = 3", "zab &amp; co", "lower bound", "100 %"] {
            assert!(first.contains(name), "{name} is missing");
        }
        assert_eq!(distributions("Latency", &panels), first);
    }

    #[test]
    fn a_row_without_values_shows_its_remark() {
        let row = Row {
            name: "P01".to_owned(),
            look: LOOK,
            values: Vec::new(),
            remark: "0 of 40 seeds".to_owned(),
        };
        assert!(dots("Detection", &["zab"], &[row]).contains("0 of 40 seeds"));
    }

    #[test]
    fn labels_are_whole_numbers_and_few() {
        for (right, expected) in [(1.0, 1.0), (2.9, 1.0), (14.0, 5.0), (600.0, 100.0)] {
            assert!((step(right) - expected).abs() < 1e-9, "{right}");
        }
    }
}
