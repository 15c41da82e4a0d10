//! The world as lines: outlines and borders from `data/world.txt`, projected onto a flat map or a globe. Coordinates
//! become numbers of an SVG path and nothing else.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Longitude and latitude in degrees.
pub type Point = (f64, f64);

/// Outlines, borders, and where countries are drawn.
pub struct World {
    rings: Vec<Vec<Point>>,
    borders: Vec<Vec<Point>>,
    countries: HashMap<&'static str, (Point, &'static str)>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| World::read(include_str!("../data/world.txt")));

/// A view of the world, in a picture of 720 by 360 (flat) or 400 by 400 (globe).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum View {
    Flat,
    /// With this point in the middle.
    Globe(Point),
}

impl World {
    pub fn get() -> &'static World {
        &WORLD
    }

    fn read(text: &'static str) -> World {
        let mut world = World {
            rings: Vec::new(),
            borders: Vec::new(),
            countries: HashMap::new(),
        };
        for line in text.lines() {
            let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
            match kind {
                "R" => world.rings.push(steps(rest)),
                "B" => world.borders.push(steps(rest)),
                _ => {
                    let mut parts = rest.splitn(4, ' ');
                    let code = parts.next().unwrap_or_default();
                    let mut tenth = || {
                        let number = parts.next().and_then(|n| n.parse::<f64>().ok());
                        number.unwrap_or_default() / 10.0
                    };
                    let at = (tenth(), tenth());
                    world
                        .countries
                        .insert(code, (at, parts.next().unwrap_or_default()));
                }
            }
        }
        world
    }

    /// Where a country is drawn, and its name.
    pub fn country(&self, code: &str) -> Option<(Point, &'static str)> {
        self.countries.get(code).copied()
    }

    /// The land as an SVG path.
    pub fn land(&self, view: View) -> String {
        let mut path = String::new();
        for ring in &self.rings {
            match view {
                View::Flat => line(&mut path, ring.iter().map(|p| view.flat(*p)), true),
                View::Globe(_) => {
                    // What is behind the edge is pushed onto it: the visible part keeps its shape.
                    let seen = ring.iter().any(|p| view.place(*p).is_some());
                    if seen {
                        line(&mut path, ring.iter().map(|p| view.pushed(*p)), true);
                    }
                }
            }
        }
        path
    }

    /// Borders between countries as an SVG path.
    pub fn borders(&self, view: View) -> String {
        self.lines(view, &self.borders)
    }

    /// Meridians and parallels every 30 degrees.
    pub fn graticule(&self, view: View) -> String {
        let meridians = (-6..6).map(|i| -> Vec<Point> {
            let lon = f64::from(i) * 30.0;
            (-16..=16).map(|j| (lon, f64::from(j) * 5.0)).collect()
        });
        let parallels = (-2..=2).map(|i| -> Vec<Point> {
            let lat = f64::from(i) * 30.0;
            (-36..=36).map(|j| (f64::from(j) * 5.0, lat)).collect()
        });
        self.lines(view, &meridians.chain(parallels).collect::<Vec<_>>())
    }

    fn lines(&self, view: View, lines: &[Vec<Point>]) -> String {
        let mut path = String::new();
        for points in lines {
            // Broken where it goes behind the globe.
            for seen in points
                .iter()
                .map(|p| view.place(*p))
                .collect::<Vec<_>>()
                .split(Option::is_none)
            {
                line(&mut path, seen.iter().copied().flatten(), false);
            }
        }
        path
    }
}

fn steps(text: &str) -> Vec<Point> {
    let numbers: Vec<i32> = text.split(' ').filter_map(|n| n.parse().ok()).collect();
    let mut at = (0, 0);
    let step = |pair: &[i32]| {
        at = (at.0 + pair[0], at.1 + pair[1]);
        (f64::from(at.0) / 10.0, f64::from(at.1) / 10.0)
    };
    numbers.chunks_exact(2).map(step).collect()
}

/// Steps from the point before, in tenths of a unit: the shortest way to write a line.
fn line(path: &mut String, points: impl Iterator<Item = Point>, closed: bool) {
    let mut last: Option<(i32, i32)> = None;
    for (x, y) in points {
        let now = (tenths(x), tenths(y));
        match last {
            Some(last) if last == now => continue,
            None => path.extend(["M", &decimal(now.0), " ", &decimal(now.1), "l"]),
            Some(last) => {
                let (x, y) = (decimal(now.0 - last.0), decimal(now.1 - last.1));
                path.extend([
                    x.as_str(),
                    if y.starts_with('-') { "" } else { " " },
                    &y,
                    " ",
                ]);
            }
        }
        last = Some(now);
    }
    while path.ends_with([' ', 'l']) {
        path.pop();
    }
    if closed && last.is_some() {
        path.push('Z');
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a picture is a few hundred units wide"
)]
fn tenths(number: f64) -> i32 {
    (number * 10.0).round() as i32
}

/// `12.3`, `-.4`, `7`
fn decimal(tenths: i32) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    match (tenths.abs() / 10, tenths.abs() % 10) {
        (whole, 0) => format!("{sign}{whole}"),
        (0, tenth) => format!("{sign}.{tenth}"),
        (whole, tenth) => format!("{sign}{whole}.{tenth}"),
    }
}

const RADIUS: f64 = 195.0;
const MIDDLE: f64 = 200.0;

impl View {
    fn flat(self, (lon, lat): Point) -> Point {
        ((lon + 180.0) * 2.0, (90.0 - lat) * 2.0)
    }

    /// Towards the east, the north, and the eye.
    fn turned(self, (lon, lat): Point) -> (f64, f64, f64) {
        let View::Globe((lon0, lat0)) = self else {
            return (0.0, 0.0, 1.0);
        };
        let (lat, lat0) = (lat.to_radians(), lat0.to_radians());
        let turn = (lon - lon0).to_radians();
        (
            lat.cos() * turn.sin(),
            lat0.cos() * lat.sin() - lat0.sin() * lat.cos() * turn.cos(),
            lat0.sin() * lat.sin() + lat0.cos() * lat.cos() * turn.cos(),
        )
    }

    /// Where a point is in the picture; `None` when it is behind the globe.
    pub fn place(self, point: Point) -> Option<Point> {
        if self == View::Flat {
            return Some(self.flat(point));
        }
        let (x, y, depth) = self.turned(point);
        (depth >= 0.0).then_some((MIDDLE + x * RADIUS, MIDDLE - y * RADIUS))
    }

    fn pushed(self, point: Point) -> Point {
        let (x, y, depth) = self.turned(point);
        let far = (x * x + y * y).sqrt();
        let scale = match depth < 0.0 && far > 1e-9 {
            true => RADIUS / far,
            false => RADIUS,
        };
        (MIDDLE + x * scale, MIDDLE - y * scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_there_and_small_enough() {
        let world = World::get();
        assert!(world.countries.len() > 230);
        let (at, name) = world.country("DE").expect("Germany");
        assert_eq!((at, name), ((10.4, 51.1), "Germany"));
        assert!(world.country("SG").is_some(), "small countries too");
        for view in [
            View::Flat,
            View::Globe((10.0, 50.0)),
            View::Globe((-100.0, -40.0)),
        ] {
            let all = [world.land(view), world.borders(view), world.graticule(view)].concat();
            assert!(
                all.len() > 5_000 && all.len() < 70_000,
                "{view:?}: {}",
                all.len()
            );
            assert!(
                all.bytes().all(|b| b"MlZ-. 0123456789".contains(&b)),
                "{view:?}"
            );
        }
    }

    #[test]
    fn half_of_the_globe_is_seen() {
        let view = View::Globe((10.0, 50.0));
        assert_eq!(view.place((10.0, 50.0)), Some((200.0, 200.0)));
        assert_eq!(view.place((-170.0, -50.0)), None);
        let (x, y) = view.pushed((-160.0, -40.0));
        let far = ((x - 200.0).powi(2) + (y - 200.0).powi(2)).sqrt();
        assert!((far - 195.0).abs() < 0.01);
    }
}
