//! The plots, as SVG. Everything plotted is in virtual time, so the bytes are always the same.

use plotters::coord::Shift;
use plotters::prelude::*;

type Result = core::result::Result<(), Box<dyn std::error::Error>>;

const SIZE: (u32, u32) = (760, 420);
/// Told apart by people with any kind of colour vision (Okabe and Ito).
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(120, 120, 120),
    RGBColor(0, 0, 0),
];

/// A group of bars side by side.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) bars: Vec<Bar>,
}

/// A bar, and the line that it must not stay under.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) height: f64,
    pub(super) bound: Option<f64>,
}

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// What stands around a plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
}

/// Bars with their bounds as black lines.
pub(super) fn bars(labels: Labels<'_>, groups: &[Group]) -> core::result::Result<String, String> {
    svg(|area| {
        let all = groups.iter().flat_map(|group| &group.bars);
        let top = all
            .map(|bar| bar.height.max(bar.bound.unwrap_or(0.0)))
            .fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(labels.title, ("sans-serif", 17))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..groups.len() as f64, 0.0..top * 1.25)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .x_desc(labels.x)
            .y_desc(labels.y)
            .draw()?;
        let wide = groups
            .iter()
            .map(|group| group.bars.len())
            .max()
            .unwrap_or(1);
        for place in 0..wide {
            let left = |group: usize| group as f64 + 0.1 + 0.8 * place as f64 / wide as f64;
            let width = 0.72 / wide as f64;
            let color = COLORS[place % COLORS.len()];
            let some = || {
                let bars = groups.iter().enumerate();
                bars.filter_map(|(group, one)| Some((group, one.bars.get(place)?)))
            };
            let name = some().next().map_or("", |(_, bar)| bar.name.as_str());
            let boxes = some().map(|(group, bar)| {
                let corners = [(left(group), 0.0), (left(group) + width, bar.height)];
                Rectangle::new(corners, color.filled())
            });
            chart.draw_series(boxes)?.label(name).legend(move |(x, y)| {
                Rectangle::new([(x, y - 5), (x + 14, y + 5)], color.filled())
            });
            let bounds = some().filter_map(|(group, bar)| {
                let line = [(left(group), bar.bound?), (left(group) + width, bar.bound?)];
                Some(PathElement::new(line, BLACK.stroke_width(3)))
            });
            chart.draw_series(bounds)?;
        }
        let names = groups.iter().enumerate().map(|(place, group)| {
            let style = ("sans-serif", 14).into_font();
            Text::new(group.name.clone(), (place as f64 + 0.4, top * 1.22), style)
        });
        chart.draw_series(names)?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .margin(24)
            .border_style(BLACK.mix(0.3))
            .background_style(WHITE.mix(0.8))
            .draw()?;
        Ok(())
    })
}

/// Lines from the origin.
pub(super) fn lines(labels: Labels<'_>, series: &[Series]) -> core::result::Result<String, String> {
    svg(|area| {
        let points = || series.iter().flat_map(|one| &one.points);
        let right = points().map(|point| point.0).fold(1e-9, f64::max);
        let top = points().map(|point| point.1).fold(1e-9, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(labels.title, ("sans-serif", 17))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..right * 1.3, 0.0..top * 1.05)?;
        chart
            .configure_mesh()
            .x_desc(labels.x)
            .y_desc(labels.y)
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (place, one) in series.iter().enumerate() {
            let color = COLORS[place % COLORS.len()].stroke_width(2);
            chart
                .draw_series(LineSeries::new(one.points.iter().copied(), color))?
                .label(one.name.as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::MiddleRight)
            .border_style(BLACK.mix(0.3))
            .background_style(WHITE.mix(0.8))
            .draw()?;
        Ok(())
    })
}

fn svg(
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Result,
) -> core::result::Result<String, String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let drawn = area
            .fill(&WHITE)
            .map_err(|error| error.to_string())
            .and_then(|()| draw(&area).map_err(|error| error.to_string()))
            .and_then(|()| area.present().map_err(|error| error.to_string()));
        drawn.map_err(|error| format!("a plot cannot be drawn: {error}"))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_shows_its_names_and_is_the_same_every_time() {
        let labels = Labels {
            title: "Latency",
            x: "servers",
            y: "milliseconds",
        };
        let groups = [Group {
            name: "n = 3".to_owned(),
            bars: vec![Bar {
                name: "zab".to_owned(),
                height: 2.0,
                bound: Some(1.9),
            }],
        }];
        let first = bars(labels, &groups).expect("the plot can be drawn");
        assert!(
            ["Latency", "n = 3", "zab"]
                .iter()
                .all(|name| first.contains(name))
        );
        assert_eq!(bars(labels, &groups), Ok(first));
    }
}
