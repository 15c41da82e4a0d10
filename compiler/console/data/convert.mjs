// Makes world.txt from world-atlas 2.0.2 (Natural Earth 4.1, public domain) and the numbers of ISO 3166-1.
//
//   npm pack world-atlas@2.0.2 topojson-client@3.1.0, unpack both, and
//   node convert.mjs ATLAS_DIR CLIENT_DIR ISO_3166_1_JSON > world.txt
//
// ISO_3166_1_JSON is iso_3166-1.json of Debian's iso-codes. Outlines are those of 1:110m; countries and where to draw
// them are those of 1:50m, because small ones are missing from the other.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [atlas, client, iso] = process.argv.slice(2);
const { feature, mesh } = await import(pathToFileURL(`${client}/dist/topojson-client.js`)).then((m) => m.default ?? m);
const read = (name) => JSON.parse(readFileSync(`${atlas}/${name}`, "utf8"));
const alpha2 = new Map(JSON.parse(readFileSync(iso, "utf8"))["3166-1"].map((c) => [c.numeric, c.alpha_2]));
const tenth = ([lon, lat]) => [Math.round(lon * 10), Math.round(lat * 10)];
const out = [];

// Rings of land, in tenths of a degree, each step from the point before.
const land = feature(read("land-110m.json"), read("land-110m.json").objects.land);
for (const f of land.features ?? [land]) {
  for (const polygon of f.geometry.coordinates) {
    const points = polygon[0].map(tenth).filter((p, i, all) => i === 0 || p[0] !== all[i - 1][0] || p[1] !== all[i - 1][1]);
    if (points.length < 4) continue;
    let [x, y] = [0, 0];
    out.push("R " + points.map(([a, b]) => { const d = `${a - x} ${b - y}`; [x, y] = [a, b]; return d; }).join(" "));
  }
}
// Borders between countries.
const countries110 = read("countries-110m.json");
for (const line of mesh(countries110, countries110.objects.countries, (a, b) => a !== b).coordinates) {
  let [x, y] = [0, 0];
  out.push("B " + line.map(tenth).map(([a, b]) => { const d = `${a - x} ${b - y}`; [x, y] = [a, b]; return d; }).join(" "));
}
// Where a country is drawn: the centre of its largest ring.
const area = (ring) => ring.slice(1).reduce((s, [x, y], i) => s + ring[i][0] * y - x * ring[i][1], 0) / 2;
const centre = (ring) => {
  const a = area(ring);
  const [x, y] = ring.slice(1).reduce(([sx, sy], [x, y], i) => {
    const cross = ring[i][0] * y - x * ring[i][1];
    return [sx + (ring[i][0] + x) * cross, sy + (ring[i][1] + y) * cross];
  }, [0, 0]);
  return a === 0 ? ring[0] : [x / (6 * a), y / (6 * a)];
};
const countries = read("countries-50m.json");
const lines = new Map();
for (const f of feature(countries, countries.objects.countries).features) {
  const code = alpha2.get(String(f.id).padStart(3, "0"));
  if (!code || !f.geometry) continue;
  const polygons = f.geometry.type === "Polygon" ? [f.geometry.coordinates] : f.geometry.coordinates;
  const ring = polygons.map((p) => p[0]).sort((a, b) => Math.abs(area(b)) - Math.abs(area(a)))[0];
  const [lon, lat] = tenth(centre(ring));
  const size = Math.abs(area(ring));
  if (!lines.has(code) || lines.get(code).size < size) lines.set(code, { size, text: `C ${code} ${lon} ${lat} ${f.properties.name}` });
}
out.push(...[...lines.values()].map((l) => l.text).sort());
process.stdout.write(out.join("\n") + "\n");
