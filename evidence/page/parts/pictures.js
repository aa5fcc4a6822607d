/* Pictures: decoding within limits, warping one onto the other by the sealed transform, and how alike they are then.
   The definitions are those of exhibit/comparison/warp.py and exhibit/comparison/similarity.py. */

const MAX_PIXELS = 60e6;
const WORKING_SIDE = 2048;
const LONG_SIDE = 192;
const WINDOW = 12;
const MAX_FRAMES = 32;

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

/** A picture as RGBA pixels on white, or on black where nothing is seen of it on white, turned as its EXIF says, at most WORKING_SIDE a side: `{width, height, pixels, full}`. */
async function decodePicture(bytes) {
  const stated = headerSize(bytes);
  if (!stated) throw new Unchecked("This page doesn't read pictures of this format.");
  if (stated[0] * stated[1] > MAX_PIXELS || !stated[0] || !stated[1]) throw new Unchecked("The picture has more pixels than this page decodes.");
  const { still, exif } = settled(bytes);
  const orientation = orientationOf(exif);
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([still]), { colorSpaceConversion: "none" });
  } catch {
    throw new Unchecked("This browser can't read the picture.");
  }
  let first = drawn(bitmap, bitmap.width, bitmap.height, orientation);
  if (isFlat(first)) {
    const onBlack = drawn(bitmap, bitmap.width, bitmap.height, orientation, "#000");
    if (!isFlat(onBlack)) first = onBlack;
  }
  bitmap.close();
  return isBlank(first.pixels) ? (await laterFrame(bytes, first, orientation)) || first : first;
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

/** Of an animation that begins with a blank frame: the first of the next ones that shows something, or null. */
async function laterFrame(bytes, first, orientation) {
  const types = { 0x89: "image/png", 0x47: "image/gif", 0x52: "image/webp" };
  if (!types[bytes[0]]) return null;
  if (!globalThis.ImageDecoder) throw new Unchecked("This browser shows a page only the first picture of an animation, and that one is blank.");
  const decoder = new ImageDecoder({ data: bytes, type: types[bytes[0]], colorSpaceConversion: "none" });
  try {
    await Promise.all([decoder.completed, decoder.tracks.ready]);
    for (let frameIndex = 0; frameIndex < Math.min(decoder.tracks.selectedTrack.frameCount, MAX_FRAMES); frameIndex++) {
      const { image } = await decoder.decode({ frameIndex });
      const one = drawn(image, image.displayWidth, image.displayHeight, orientation);
      image.close();
      if (same(one.full, first.full) && !isBlank(one.pixels)) return one;
    }
  } catch {
    return null;
  } finally {
    decoder.close();
  }
  return null;
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

/* 3×3 matrices as nine numbers, row by row. */
const times9 = (...all) => all.reduce((a, b) => Array.from(a, (_, at) => [0, 1, 2].reduce((sum, k) => sum + a[3 * Math.floor(at / 3) + k] * b[3 * k + (at % 3)], 0)));
const determinant = (m) => m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
const move = (m, x, y, z = 1) => [m[0] * x + m[1] * y + m[2] * z, m[3] * x + m[4] * y + m[5] * z, m[6] * x + m[7] * y + m[8] * z];

function inverted(m) {
  const d = determinant(m);
  if (!Number.isFinite(d) || Math.abs(d) < 1e-300) throw new Broken("The alignment can't be applied.");
  return [
    m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
    m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
    m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3],
  ].map((value) => value / d);
}

/** From pixel coordinates of a picture of one size to those of another; centres of pixels are whole numbers. */
function rescale([width, height], [newWidth, newHeight]) {
  const [across, down] = [newWidth / width, newHeight / height];
  return [across, 0, (across - 1) / 2, 0, down, (down - 1) / 2, 0, 0, 1];
}

/** The matrix with the sign that gives the source's centre a positive third coordinate. */
function oriented(matrix, [width, height]) {
  const largest = Math.max(...matrix.map(Math.abs));
  const scaled = matrix.map((value) => value / largest);
  if (!scaled.every(Number.isFinite) || Math.abs(determinant(scaled)) < 1e-18) throw new Broken("The alignment can't be applied.");
  const depth = move(scaled, (width - 1) / 2, (height - 1) / 2)[2];
  return depth >= 0 ? scaled : scaled.map((value) => -value);
}

/** Inverse mapping with bilinear interpolation: values (channels of them a pixel) and which pixels are valid. */
function warpPixels(source, size, channels, matrix, [width, height]) {
  const back = inverted(oriented(matrix, size));
  const horizon = 1e-9 * Math.max(Math.abs(back[6]), Math.abs(back[7]), Math.abs(back[8]));
  const [w, h] = size;
  const out = new Uint8ClampedArray(width * height * channels);
  const mask = new Uint8Array(width * height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const [sx, sy, depth] = move(back, column, row);
      if (depth <= horizon) continue;
      const [x, y] = [sx / depth, sy / depth];
      if (!(x >= 0 && y >= 0 && x <= w - 1 && y <= h - 1)) continue;
      const left = Math.min(Math.floor(x), Math.max(0, w - 2));
      const top = Math.min(Math.floor(y), Math.max(0, h - 2));
      const [right, bottom] = [Math.min(left + 1, w - 1), Math.min(top + 1, h - 1)];
      const [across, down] = [x - left, y - top];
      for (let channel = 0; channel < channels; channel++) {
        const value = (atX, atY) => source[(atY * w + atX) * channels + channel];
        const upper = value(left, top) * (1 - across) + value(right, top) * across;
        const lower = value(left, bottom) * (1 - across) + value(right, bottom) * across;
        out[(row * width + column) * channels + channel] = Math.floor(upper * (1 - down) + lower * down + 0.5);
      }
      mask[row * width + column] = 1;
    }
  return { out, mask };
}

/** Sutherland and Hodgman, in homogeneous coordinates: the area of the target that the source covers. */
function coveredArea(matrix, source, [width, height]) {
  const horizon = 1e-9 * Math.max(Math.abs(matrix[6]), Math.abs(matrix[7]), Math.abs(matrix[8]));
  const [right, bottom] = [source[0] - 0.5, source[1] - 0.5];
  let polygon = [[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]].map(([x, y]) => move(matrix, x, y));
  const planes = [[0, 0, 1, horizon], [1, 0, 0.5, 0], [0, 1, 0.5, 0], [-1, 0, width - 0.5, 0], [0, -1, height - 0.5, 0]];
  for (const [a, b, c, offset] of planes) {
    const kept = [];
    polygon.forEach((here, place) => {
      const next = polygon[(place + 1) % polygon.length];
      const [now, then] = [here, next].map((one) => a * one[0] + b * one[1] + c * one[2] - offset);
      if (now >= 0) kept.push(here);
      if (now >= 0 !== then >= 0) kept.push(here.map((value, at) => value + ((next[at] - value) * now) / (now - then)));
    });
    polygon = kept;
  }
  const corners = polygon.map((one) => [one[0] / one[2], one[1] / one[2]]);
  const twice = corners.reduce((sum, [x, y], place) => {
    const [nextX, nextY] = corners[(place + 1) % corners.length];
    return sum + nextX * y - x * nextY;
  }, 0);
  return Math.abs(twice) / 2;
}

/** Which shares of the target's and of the source's area lie on each other. */
function overlaps(transform, source, target) {
  const forward = oriented(transform, source);
  const share = (matrix, from, onto) => Math.min(1, coveredArea(matrix, from, onto) / (onto[0] * onto[1]));
  return [share(forward, source, target), share(inverted(forward), target, source)];
}

function greyOf({ width, height, pixels }) {
  const out = new Uint8Array(width * height);
  for (let at = 0; at < out.length; at++) out[at] = (19595 * pixels[4 * at] + 38470 * pixels[4 * at + 1] + 7471 * pixels[4 * at + 2] + 32768) >> 16;
  return { width, height, values: out };
}

/** Pillow's BILINEAR resampling: a triangle filter whose support grows with the reduction, rows first. */
function resizedGrey(grey, factor) {
  const [width, height] = [grey.width, grey.height].map((side) => Math.max(1, Math.floor(side * factor + 0.5)));
  const toSmall = rescale([grey.width, grey.height], [width, height]);
  if (width === grey.width && height === grey.height) return { small: grey, toSmall };
  const rows = filteredRows(grey.values, grey.width, grey.height, width);
  return { small: { width, height, values: filteredRows(rows, grey.height, width, height) }, toSmall };
}

/** Each row of a field filtered to so many values; rows and columns change places, so that two times give both ways. */
function filteredRows(values, width, height, onto) {
  const out = new Uint8Array(onto * height);
  filterWeights(width, onto).forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) {
      let sum = 0.5;
      for (let at = 0; at < weights.length; at++) sum += weights[at] * values[y * width + first + at];
      out[x * height + y] = sum;
    }
  });
  return out;
}

function filterWeights(from, onto) {
  const scale = from / onto;
  const support = Math.max(1, scale);
  return Array.from({ length: onto }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const last = Math.min(from, Math.floor(centre + support + 0.5));
    const raw = Array.from({ length: last - first }, (_, at) => Math.max(0, 1 - Math.abs((first + at - centre + 0.5) / support)));
    const sum = raw.reduce((total, one) => total + one, 0);
    return { first, weights: raw.map((one) => one / sum) };
  });
}

/** Each piece, warped by its own transform into the pixels whose centres lie in its box. */
function inPieces(pieces, scaling, back, { width, height }, laid) {
  const [out, mask] = [new Uint8ClampedArray(width * height), new Uint8Array(width * height)];
  for (const piece of pieces) {
    const edge = (value, axis) => Math.ceil(Math.min([width, height][axis], Math.max(0, value * scaling[4 * axis] + scaling[3 * axis + 2])));
    const [left, top, right, bottom] = piece.box.map((value, at) => edge(value, at % 2));
    const across = Math.max(0, right - left);
    const part = laid(times9([1, 0, -left, 0, 1, -top, 0, 0, 1], scaling, piece.transform.flat(), back), [across, Math.max(0, bottom - top)]);
    for (let row = top; row < bottom; row++) {
      const [from, end] = [(row - top) * across, (row - top + 1) * across];
      out.set(part.out.subarray(from, end), row * width + left);
      mask.set(part.mask.subarray(from, end), row * width + left);
    }
  }
  return { out, mask };
}

/** The share of textured windows in the overlap that agree, 0 to 1; `transform` is for the pictures' full sizes. */
function denseSimilarity(found, registered, transform, pieces = []) {
  const sizes = [found, registered].map((one) => [one.width, one.height]);
  const back = inverted(rescale(found.full, sizes[0]));
  const { small, toSmall } = resizedGrey(greyOf(registered), LONG_SIDE / Math.max(...sizes[1]));
  const scaling = times9(toSmall, rescale(registered.full, sizes[1]));
  const whole = times9(scaling, transform, back);
  const depth = move(whole, (sizes[0][0] - 1) / 2, (sizes[0][1] - 1) / 2)[2];
  const scale = depth ? Math.sqrt(Math.abs(determinant(whole)) / Math.abs(depth) ** 3) : 1;
  const { small: reduced, toSmall: toReduced } = resizedGrey(greyOf(found), Math.min(1, scale));
  const laid = (matrix, size) => warpPixels(reduced.values, [reduced.width, reduced.height], 1, times9(matrix, inverted(toReduced)), size);
  const warped = pieces.length ? inPieces(pieces, scaling, back, small, laid) : laid(whole, [small.width, small.height]);
  return agreement(blurred(warped.out, warped.mask, small), blurred(small.values, warped.mask, small), warped.mask, small);
}

/** A Gaussian of σ = 1, cut at ±4 pixels, over the valid pixels alone. */
function blurred(values, mask, { width, height }) {
  const weights = Array.from({ length: 9 }, (_, at) => Math.exp(-0.5 * (at - 4) ** 2));
  const sum = weights.reduce((total, one) => total + one, 0);
  const smooth = (field) => {
    const along = (from, stepX, stepY) => {
      const out = new Float64Array(from.length);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let at = 0; at < 9; at++) {
            const [px, py] = [x + (at - 4) * stepX, y + (at - 4) * stepY];
            if (px >= 0 && py >= 0 && px < width && py < height) out[y * width + x] += (weights[at] / sum) * from[py * width + px];
          }
      return out;
    };
    return along(along(field, 1, 0), 0, 1);
  };
  const valid = Float64Array.from(mask);
  const above = smooth(Float64Array.from(values, (value, at) => value * mask[at]));
  return smooth(valid).map((below, at) => above[at] / Math.max(below, 1e-9));
}

function agreement(first, second, mask, { width, height }) {
  if (Math.min(width, height) < WINDOW) return 0;
  const sums = (at) => windowSums(at, width, height);
  const area = WINDOW * WINDOW;
  const whole = sums((place) => mask[place]);
  const [a, b, aa, bb, ab] = [(p) => first[p], (p) => second[p], (p) => first[p] ** 2, (p) => second[p] ** 2, (p) => first[p] * second[p]].map(sums);
  let [textured, agreeing] = [0, 0];
  for (let at = 0; at < whole.length; at++) {
    if (whole[at] < area - 0.5) continue;
    const [meanA, meanB] = [a[at] / area, b[at] / area];
    const [varianceA, varianceB] = [aa[at] / area - meanA ** 2, bb[at] / area - meanB ** 2];
    const covariance = ab[at] / area - meanA * meanB;
    if (varianceA > 9 || varianceB > 9) textured++;
    if (varianceA > 9 && varianceB > 9 && covariance > 0.6 * Math.sqrt(Math.max(varianceA * varianceB, 1e-9))) agreeing++;
  }
  return textured ? agreeing / textured : 0;
}

/** Sums over all windows that lie within, by a table of cumulative sums. */
function windowSums(value, width, height) {
  const table = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++)
    for (let x = 0, row = 0; x < width; x++) {
      row += value(y * width + x);
      table[(y + 1) * (width + 1) + x + 1] = table[y * (width + 1) + x + 1] + row;
    }
  const [across, down] = [width - WINDOW + 1, height - WINDOW + 1];
  const out = new Float64Array(across * down);
  const at = (x, y) => table[y * (width + 1) + x];
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++) out[y * across + x] = at(x + WINDOW, y + WINDOW) - at(x, y + WINDOW) - at(x + WINDOW, y) + at(x, y);
  return out;
}
