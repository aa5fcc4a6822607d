/* The pictures of a case: which sealed file shows each, what its header says, and whether its reduced one shows the same. */

const MOST_REDUCED = 200;
/** Versions of the comparison that measured the first frame of an animation, whichever is shown. */
const READ_OTHERWISE = /^match-[1-4]$/;
const [FIELDS, UNLIKE_FIELDS, SMALL_SIDE] = [8, 16, 64];

/** The picture of the case that stands for a sealed one here: itself, or its stand-in where it is withheld. */
function shownPicture(inspection, picture) {
  if (inspection.absent.has(picture.file)) throw new Unchecked(inspection.whyNot(picture.file));
  if (inspection.listed.get(picture.file)?.sha256 !== picture.digest) throw new Broken(`${picture.file} was sealed as another picture than the facts state.`);
  if (inspection.sealed(picture.file)) return { file: picture.file, reduced: false };
  const standIn = inspection.withheld.has(picture.file) && inspection.listed.get(picture.file)?.stand_in;
  if (standIn && inspection.sealed(standIn)) return { file: standIn, reduced: true };
  if (inspection.withheld.has(picture.file)) throw new Unchecked(`${picture.file} isn't there as it was sealed.`);
  throw new Broken(`${picture.file} isn't there as it was sealed.`);
}

/** A decoded picture; the last two are kept, since many matches show the same registered one. */
async function decodedPicture(inspection, file, pipeline) {
  const kept = inspection.decoded;
  const name = `${pipeline} ${file}`;
  const one = kept.get(name) || (await decodePicture(await inspection.read(file, 64 << 20), pipeline));
  kept.delete(name);
  kept.set(name, one);
  if (kept.size > 2) kept.delete(kept.keys().next().value);
  return one;
}

/** `pictures`: each has the format and the size that the facts state, by its header. */
async function picturesCheck(inspection, facts) {
  const every = new Map([...facts.work.pictures, ...facts.sightings.map(({ picture }) => picture)].map((one) => [canonicalText(one), one]));
  let [unread, left] = ["", MOST_REDUCED];
  for (const { file, size, width, height, format } of every.values())
    try {
      if (!inspection.sealed(file) || size > 64 << 20) throw new Unchecked(inspection.whyNot(file) || `${file} isn't in this copy as it was sealed, or is too large.`);
      const found = await pictureHead(inspection, file);
      if (!equal(found, [format === "MPO" ? "JPEG" : format, width, height])) return failed("pictures", `${file} is a ${found[0]} of ${found[1]}×${found[2]}, not as stated.`);
      const standIn = inspection.listed.get(file).stand_in;
      if (!standIn || !inspection.sealed(standIn) || Math.min(width, height) < SMALL_SIDE) continue;
      if (left-- < 1) throw new Unchecked(`Only the first ${MOST_REDUCED} reduced pictures are held against what they stand for.`);
      await pictureHead(inspection, standIn);
      const { pipeline } = facts.software;
      const whole = await decodedPicture(inspection, file, pipeline);
      const [one, other] = [fieldsOf(whole), fieldsOf(await decodedPicture(inspection, standIn, pipeline))];
      if (!one.some((mean, place) => Math.abs(mean - other[place]) > UNLIKE_FIELDS)) continue;
      if (whole.animated && READ_OTHERWISE.test(facts.software.pipeline)) throw new Unchecked(`${file}: ${facts.software.pipeline} read another picture from such a file than is shown of it.`);
      return failed("pictures", `${standIn} shows another picture than ${file}, for which it stands.`);
    } catch (error) {
      if (error instanceof Broken) return failed("pictures", error.message);
      unread = error instanceof Unchecked ? error.message : `${file} can't be read.`;
    }
  return unread ? notChecked("pictures", unread) : passed("pictures", `${every.size} pictures have the formats and sizes that the facts state.`);
}

/** The mean colour of each field of a decoded picture, FIELDS a side. */
function fieldsOf({ width, height, pixels }) {
  const [sums, counts] = [new Float64Array(3 * FIELDS * FIELDS), new Float64Array(FIELDS * FIELDS)];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const field = FIELDS * Math.floor((y * FIELDS) / height) + Math.floor((x * FIELDS) / width);
      counts[field] += 1;
      for (const colour of [0, 1, 2]) sums[3 * field + colour] += pixels[4 * (y * width + x) + colour];
    }
  return [...sums].map((sum, place) => sum / counts[Math.floor(place / 3)]);
}

/** Format, width and height by the first bytes; throws Unchecked for what this page doesn't read. */
async function pictureHead(inspection, file) {
  const bytes = await inspection.read(file, 64 << 20);
  const format = formatOf(bytes);
  if (!format) throw new Broken(`${file} isn't a picture.`);
  const size = headerSize(bytes);
  if (!size || size[0] * size[1] > MAX_PIXELS) throw new Unchecked(`${file} is a ${format}, or of a size, that this page doesn't read.`);
  return [format, ...(orientationOf(settled(bytes).exif) >= 5 ? size.reverse() : size)];
}

/** The two pictures of a match, decoded, with their full sizes. */
async function picturesOf(inspection, facts, match) {
  const decoded = [];
  for (const picture of [foundOf(facts, match), registeredOf(facts, match)]) {
    const shown = shownPicture(inspection, picture);
    const one = await decodedPicture(inspection, shown.file, match.verification.pipeline);
    decoded.push({ ...one, full: [picture.width, picture.height], reduced: shown.reduced });
  }
  return decoded;
}
