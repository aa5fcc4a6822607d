/* Pictures: decoding within limits, as exhibit/pictures/picture_file.py does. */

const MAX_PIXELS = 60e6;
const WORKING_SIDE = 2048;
const [MAX_FRAMES, MAX_TIMED] = [32, 1000];
const [SHORTEST, AT_ONCE, AFTER_END] = [10e3, 100e3, 10e6]; // microseconds, as exhibit/pictures/animation.py has them
const ALIKE_FIELDS = 8;

const FORMATS = { JPEG: /^\xff\xd8\xff/, PNG: /^\x89PNG\r\n\x1a\n/, WEBP: /^RIFF....WEBP/s, GIF: /^GIF8[79]a/, BMP: /^BM/, TIFF: /^(II|MM)/, ICO: /^\0\0\x01\0/, AVIF: /^....ftyp/s };

/** The format of a picture by its first bytes; nothing for what is none. */
const formatOf = (bytes) => Object.keys(FORMATS).find((name) => FORMATS[name].test(String.fromCharCode(...bytes.subarray(0, 16))));

/** Width and height by a picture's header alone, so that nothing huge is decoded; null for what isn't known here. */
function headerSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sign = (start, end) => String.fromCharCode(...bytes.subarray(start, end));
  if (bytes.length < 30) return null;
  if (sign(1, 4) === "PNG") return [view.getUint32(16), view.getUint32(20)];
  if (sign(0, 4) === "GIF8") return [view.getUint16(6, true), view.getUint16(8, true)];
  if (sign(0, 2) === "BM") return [Math.abs(view.getInt32(18, true)), Math.abs(view.getInt32(22, true))];
  if (sign(0, 4) === "RIFF" && sign(8, 12) === "WEBP") return webpSize(bytes, view, sign(12, 16));
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegSize(bytes, view);
  return null;
}

function webpSize(bytes, view, kind) {
  if (kind === "VP8 ") return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  if (kind === "VP8X") return [1 + (view.getUint32(24, true) & 0xffffff), 1 + (view.getUint32(26, true) >>> 8)];
  const bits = view.getUint32(21, true);
  return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
}

function jpegSize(bytes, view) {
  let place = 2;
  while (place + 9 < bytes.length) {
    if (bytes[place] !== 0xff) return null;
    const marker = bytes[place + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return [view.getUint16(place + 7), view.getUint16(place + 5)];
    place += marker === 0xff ? 1 : 2 + view.getUint16(place + 2);
  }
  return null;
}

/** Versions of the comparison that measured levels as they are stored, whatever profile says what they look like. */
const WITHOUT_PROFILES = /^match-[1-5]$/;

/** A picture as RGBA pixels on white, or on black where nothing is seen of it on white, turned as its EXIF says, at most WORKING_SIDE a side, as this version of the comparison saw it: `{width, height, pixels, full}`. */
async function decodePicture(bytes, pipeline) {
  const colorSpaceConversion = WITHOUT_PROFILES.test(pipeline) ? "none" : "default";
  const stated = headerSize(bytes);
  if (!stated) throw new Unchecked("This page doesn't read pictures of this format.");
  if (stated[0] * stated[1] > MAX_PIXELS || !stated[0] || !stated[1]) throw new Unchecked("The picture has more pixels than this page decodes.");
  const { still, exif } = settled(bytes);
  const orientation = orientationOf(exif);
  const standing = await standingFrame(bytes, orientation, colorSpaceConversion);
  if (standing) return standing;
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([still]), { colorSpaceConversion });
  } catch {
    throw new Unchecked("This browser can't read the picture.");
  }
  const shown = grounded(bitmap, bitmap.width, bitmap.height, orientation);
  bitmap.close();
  return shown;
}

/** An image on white, or on black where nothing is seen of it on white. */
function grounded(image, width, height, orientation) {
  const onWhite = drawn(image, width, height, orientation);
  if (!isFlat(onWhite)) return onWhite;
  const onBlack = drawn(image, width, height, orientation, "#000");
  return isFlat(onBlack) ? onWhite : onBlack;
}

/** An image of this size as decodePicture gives it. */
function drawn(image, imageWidth, imageHeight, orientation, ground = "#fff") {
  const scale = Math.min(1, WORKING_SIDE / Math.max(imageWidth, imageHeight));
  const [across, down] = [imageWidth, imageHeight].map((side) => Math.max(1, Math.floor(side * scale + 0.5)));
  const [width, height] = orientation >= 5 ? [down, across] : [across, down];
  const full = orientation >= 5 ? [imageHeight, imageWidth] : [imageWidth, imageHeight];
  const context = newCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const [w, h] = [across, down];
  const turns = [null, [1, 0, 0, 1, 0, 0], [-1, 0, 0, 1, w, 0], [-1, 0, 0, -1, w, h], [1, 0, 0, -1, 0, h], [0, 1, 1, 0, 0, 0], [0, 1, -1, 0, h, 0], [0, -1, -1, 0, h, w], [0, -1, 1, 0, 0, w]];
  context.setTransform(...turns[orientation]);
  context.drawImage(image, 0, 0, across, down);
  return { width, height, full, pixels: context.getImageData(0, 0, width, height).data };
}

function isBlank(pixels) {
  for (let place = 4; place < pixels.length; place++) if (pixels[place] !== pixels[place % 4]) return false;
  return true;
}

/** Whether nothing can be seen: of at most 256 pixels a side, the levels deviate by less than 2 from their mean. */
function isFlat({ width, height, pixels }) {
  const step = Math.max(1, Math.floor(Math.max(width, height) / 256));
  let [count, sum, squares] = [0, 0, 0];
  for (let y = 0; y < height; y += step)
    for (let x = 0; x < width; x += step)
      for (let channel = 0; channel < 3; channel++) {
        const level = pixels[4 * (y * width + x) + channel];
        count += 1;
        sum += level;
        squares += level * level;
      }
  return squares / count - (sum / count) ** 2 < 4;
}

const ANIMATED = { GIF: "image/gif", PNG: "image/png", WEBP: "image/webp" };

/** Whether a file may be an animation: every GIF, a PNG with acTL before its pixels, a WebP that says so. `hidden` tells whether a PNG's own picture is no part of its animation, and never shown. */
function movement(bytes, format) {
  const sign = (start) => String.fromCharCode(...bytes.subarray(start, start + 4));
  if (format !== "PNG") return { moves: format === "GIF" || (format === "WEBP" && sign(12) === "VP8X" && (bytes[20] & 2) > 0), hidden: false };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let moves = false;
  for (let place = 8; place + 12 <= bytes.length; place += 12 + view.getUint32(place)) {
    const kind = sign(place + 4);
    if (kind === "IDAT" || (moves && kind === "fcTL")) return { moves, hidden: moves && kind === "IDAT" };
    moves ||= kind === "acTL";
  }
  return { moves, hidden: false };
}

/** Of an animation the frame that stands longest, among those that show something; null for what has one frame. Frames that look alike count together. */
async function standingFrame(bytes, orientation, colorSpaceConversion) {
  const format = formatOf(bytes);
  const { moves, hidden } = movement(bytes, format);
  if (!moves) return null;
  if (!globalThis.ImageDecoder) throw new Unchecked("This browser shows a page only the first picture of an animation.");
  const decoder = new ImageDecoder({ data: bytes, type: ANIMATED[format], colorSpaceConversion });
  try {
    await Promise.all([decoder.completed, decoder.tracks.ready]);
    const { frameCount, repetitionCount } = decoder.tracks.selectedTrack;
    if (frameCount < 2 && !hidden) return null;
    const stood = [];
    const groups = [];
    let first = null;
    for (let frameIndex = 0; frameIndex < Math.min(frameCount, MAX_TIMED); frameIndex++) {
      const { image } = await decoder.decode({ frameIndex });
      stood.push((image.duration > SHORTEST ? image.duration : AT_ONCE) + (frameIndex === frameCount - 1 && repetitionCount !== Infinity ? AFTER_END : 0));
      const one = frameIndex < MAX_FRAMES ? grounded(image, image.displayWidth, image.displayHeight, orientation) : null;
      image.close();
      first ||= one;
      if (!one || !same(one.full, first.full) || isBlank(one.pixels)) continue;
      const seen = fieldsOf(one);
      const like = groups.find((group) => group.fields.every((mean, place) => Math.abs(mean - seen[place]) <= ALIKE_FIELDS));
      if (like) like.time += stood[frameIndex];
      else groups.push({ frameIndex, fields: seen, time: stood[frameIndex] });
    }
    const alone = stood.indexOf(Math.max(...stood));
    const total = stood.reduce((sum, one) => sum + one, 0);
    const best = groups.reduce((most, group) => (group.time > most.time ? group : most), { frameIndex: alone, time: -1 });
    const longest = 2 * stood[alone] > total || (alone >= MAX_FRAMES && stood[alone] > best.time) ? alone : best.frameIndex;
    const { image } = await decoder.decode({ frameIndex: longest });
    const chosen = grounded(image, image.displayWidth, image.displayHeight, orientation);
    image.close();
    if (!isBlank(chosen.pixels) || best.time < 0) return { ...chosen, animated: true };
    const { image: other } = await decoder.decode({ frameIndex: best.frameIndex });
    const instead = grounded(other, other.displayWidth, other.displayHeight, orientation);
    other.close();
    return { ...instead, animated: true };
  } catch {
    throw new Unchecked("This browser can't read all frames of the animation.");
  } finally {
    decoder.close();
  }
}

/** The picture without what would make a browser turn or animate it, and its EXIF block. */
function settled(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sign = (start) => String.fromCharCode(...bytes.subarray(start, start + 4));
  const still = bytes.slice();
  let exif = new Uint8Array();
  if (sign(0) === "RIFF")
    for (let place = 12; place + 8 <= bytes.length; place += 8 + view.getUint32(place + 4, true) + (view.getUint32(place + 4, true) & 1)) {
      if (sign(place) !== "EXIF") continue;
      if (!exif.length) exif = bytes.subarray(place + 8, place + 8 + view.getUint32(place + 4, true));
      still.set(utf8("none"), place);
    }
  else if (sign(0) === "\x89PNG") return settledPng(bytes, view, sign);
  else if (bytes[0] === 0xff && bytes[1] === 0xd8)
    for (let place = 2; place + 4 <= bytes.length && bytes[place] === 0xff && bytes[place + 1] !== 0xda; ) {
      const length = bytes[place + 1] === 0xff ? 1 : 2 + view.getUint16(place + 2);
      if (bytes[place + 1] === 0xe1 && sign(place + 4) === "Exif") {
        exif = concat(exif, bytes.subarray(place + 10, place + length));
        still.set(utf8("none"), place + 4);
      }
      place += length;
    }
  return { still, exif };
}

function settledPng(bytes, view, sign) {
  const kept = [bytes.subarray(0, 8)];
  let exif = new Uint8Array();
  let seen = false;
  for (let place = 8; place + 12 <= bytes.length; ) {
    const end = place + 12 + view.getUint32(place);
    const kind = sign(place + 4);
    seen ||= kind === "IDAT";
    if (kind === "eXIf" && !seen) exif = bytes.subarray(place + 8, end - 4);
    if (kind !== "eXIf" && kind !== "acTL") kept.push(bytes.subarray(place, end));
    place = end;
  }
  return { still: concat(...kept), exif };
}

/** The first entry of the orientation's tag in the first directory, when that is one short number; else 1. */
function orientationOf(block) {
  const exif = String.fromCharCode(...block.subarray(0, 6)) === "Exif\0\0" ? block.subarray(6) : block;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
  const little = hex(exif.subarray(0, 4)) === "49492a00";
  if (!little && hex(exif.subarray(0, 4)) !== "4d4d002a") return 1;
  try {
    const start = view.getUint32(4, little);
    for (let number = 0; number < view.getUint16(start, little); number++) {
      const at = start + 2 + 12 * number;
      if (view.getUint16(at, little) !== 0x0112) continue;
      const [kind, count, value] = [view.getUint16(at + 2, little), view.getUint32(at + 4, little), view.getUint16(at + 8, little)];
      return kind === 3 && count === 1 && value >= 1 && value <= 8 ? value : 1;
    }
  } catch {
    return 1;
  }
  return 1;
}

function newCanvas(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

/** Some browsers disturb what a page reads from a canvas, against tracking: then nothing can be computed from pixels. */
function canvasTellsTheTruth() {
  const context = newCanvas(16, 16).getContext("2d");
  const drawn = context.createImageData(16, 16);
  for (let place = 0; place < drawn.data.length; place++) drawn.data[place] = place % 4 === 3 ? 255 : (place * 37) & 255;
  context.putImageData(drawn, 0, 0);
  return same(context.getImageData(0, 0, 16, 16).data, drawn.data);
}
