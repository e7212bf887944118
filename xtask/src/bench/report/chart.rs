//! A chart of bars as SVG: nothing to load, readable on light and on dark.

use std::fmt::Write;

use super::{figure, title};
use crate::bench::sample::Spread;
use crate::bench::targets::Kind;

/// One bar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar {
    pub(super) kind: Kind,
    pub(super) spread: Spread,
}

/// Sizes in pixels.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 110.0;
const ROW: f64 = 26.0;
const TOP: f64 = 34.0;

/// Draws the bars, each as long as its median, with a line from minimum to maximum.
pub(super) fn draw(heading: &str, bars: &[Bar]) -> String {
    let longest = bars
        .iter()
        .map(|it| it.spread.max)
        .fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / longest;
    let n_bars = u32::try_from(bars.len()).unwrap_or(0);
    let height = TOP + ROW * f64::from(n_bars) + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"20\" font-weight=\"bold\" fill=\"#222222\">{}</text>\n",
        escaped(heading)
    );
    let mut y = TOP;
    for bar in bars {
        let name = title(bar.kind).replace('*', "");
        let fill = match bar.kind {
            Kind::Portway => "#0b6e4f",
            Kind::Direct | Kind::Ceiling => "#b9c2cc",
            _ => "#6b8fb5",
        };
        let Spread {
            min, median, max, ..
        } = bar.spread;
        let (length, middle) = (median * scale, y + ROW / 2.0);
        let (from, to) = (LEFT + min * scale, LEFT + max * scale);
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" fill=\"#222222\">{}</text>\n\
             <rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{:.1}\" fill=\"{fill}\"/>\n\
             <line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" \
             stroke=\"#222222\" stroke-width=\"2\"/>\n\
             <text x=\"{:.1}\" y=\"{:.0}\" fill=\"#222222\">{}</text>\n",
            LEFT - 8.0,
            middle + 5.0,
            escaped(&name),
            y + 4.0,
            ROW - 8.0,
            to.max(LEFT + length) + 8.0,
            middle + 5.0,
            figure(median),
        );
        y += ROW;
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
