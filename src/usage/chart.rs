//! Charts as SVG, without script: they are read on paper, too. Colours come from the style sheet of
//! the page, so that they follow light and dark.

use maud::{Markup, html};

use super::report::Day;

const WIDTH: usize = 900;
const HEIGHT: usize = 200;
/// Room for the scale.
const LEFT: usize = 44;
const TOP: usize = 10;
const BOTTOM: usize = 22;

/// Calls of each day, one bar above the other: what was answered, what was not, what was read.
pub(super) fn days(days: &[Day]) -> Markup {
    let all = |day: &Day| day.searches + day.reads;
    let most = days.iter().map(all).max().unwrap_or(0);
    let scale = ceiling(most);
    let height = HEIGHT - TOP - BOTTOM;
    let tall = |calls: u64| calls as f64 / scale as f64 * height as f64;
    let step = (WIDTH - LEFT) as f64 / days.len().max(1) as f64;
    let width = (step * 0.72).min(60.0);
    let every = days.len().div_ceil(10).max(1);
    let calls: u64 = days.iter().map(all).sum();
    let label = format!("Calls per day, {calls} in {} days, at most {most} in one", days.len());
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(label) {
            @for line in [0, scale / 2, scale] {
                @let y = TOP as f64 + height as f64 - tall(line);
                line class="grid" x1=(LEFT) x2=(WIDTH) y1=(fine(y)) y2=(fine(y)) {}
                text class="scale" x=(LEFT - 8) y=(fine(y + 4.0)) text-anchor="end" { (line) }
            }
            @for (at, day) in days.iter().enumerate() {
                @let x = LEFT as f64 + step * at as f64 + (step - width) / 2.0;
                g {
                    title {
                        (day.day) ": " (all(day)) " calls, " (day.searches) " searches, "
                        (day.unanswered) " of them found little or nothing"
                    }
                    @for Bar { class, from, calls } in stack(day) {
                        rect class=(class) x=(fine(x)) width=(fine(width)) height=(fine(tall(calls)))
                            y=(fine((TOP + height) as f64 - tall(from + calls))) {}
                    }
                }
                @if at % every == 0 {
                    text class="scale" x=(fine(x + width / 2.0)) y=(HEIGHT - 6)
                        text-anchor="middle" { (&day.day[5..]) }
                }
            }
        }
    }
}

/// A part of a day's bar, from so many calls on.
struct Bar {
    class: &'static str,
    from: u64,
    calls: u64,
}

fn stack(day: &Day) -> Vec<Bar> {
    let answered = day.searches.saturating_sub(day.unanswered);
    let parts = [("answered", answered), ("unanswered", day.unanswered), ("reads", day.reads)];
    let mut from = 0;
    let mut bars = Vec::new();
    for (class, calls) in parts.into_iter().filter(|(_, calls)| *calls > 0) {
        bars.push(Bar { class, from, calls });
        from += calls;
    }
    bars
}

/// A bar as long as its share of the longest.
pub(super) fn bar(times: u64, most: u64) -> Markup {
    let share = times as f64 / most.max(1) as f64 * 100.0;
    html! { span class="bar" style=(format!("width:{share:.1}%")) {} }
}

/// An even number that is easy to read, not below this one.
fn ceiling(most: u64) -> u64 {
    let mut unit = 1;
    loop {
        for step in [2, 4, 6, 8, 10, 12, 14, 16, 18, 20] {
            if step * unit >= most {
                return step * unit;
            }
        }
        unit *= 10;
    }
}

/// A length to a tenth: more than any screen shows.
fn fine(length: f64) -> String {
    format!("{length:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number() {
        let ends = [0, 1, 3, 9, 10, 11, 99, 101, 4000, 4001].map(ceiling);
        assert_eq!(ends, [2, 2, 4, 10, 10, 12, 100, 120, 4000, 6000]);
    }

    #[test]
    fn bars_stand_on_each_other_and_fill_the_scale() {
        let day = |searches, unanswered, reads| Day {
            day: "2026-11-26".into(),
            searches,
            unanswered,
            reads,
            limited: 0,
        };
        let svg = days(&[day(6, 2, 4), day(0, 0, 0)]).into_string();
        let bars: Vec<&str> = svg.split("<rect class=\"").skip(1).collect();
        let heights: Vec<&str> = bars
            .iter()
            .map(|bar| bar.split("height=\"").nth(1).unwrap().split('"').next().unwrap())
            .collect();
        // Ten calls are all of the 168 units between scale and top.
        assert_eq!(heights, ["67.2", "33.6", "67.2"]);
        assert!(bars[2].contains("y=\"10.0\""), "{}", bars[2]);
    }
}
