/* Pictures: warping one onto the other by the sealed transform, and how alike they are then.
   The definitions are those of exhibit/comparison/warp.py and exhibit/comparison/similarity.py. */

const LONG_SIDE = 192;
const WINDOW = 12;

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
