/* Receipts of EVM chains: a block header, and a proof that a log lies in its receipts (Ethereum Yellow Paper, 4.3, appendices B to D). */

const MAX_LEDGER_RECEIPT = 1 << 17;
const MASK = (1n << 64n) - 1n;
const rotated = (lane, by) => ((lane << by) | (lane >> (64n - by))) & MASK;

/** For each lane of Keccak where it goes and by how many bits it is turned (steps rho and pi). */
const MOVES = (() => {
  const turned = Array(25).fill(0n);
  let [x, y] = [1, 0];
  for (let step = 0; step < 24; step++) {
    turned[x + 5 * y] = BigInt((((step + 1) * (step + 2)) / 2) % 64);
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return turned.map((by, lane) => [Math.floor(lane / 5) + 5 * ((2 * (lane % 5) + 3 * Math.floor(lane / 5)) % 5), by]);
})();

/** The 24 constants of step iota, from their shift register. */
const ROUNDS = (() => {
  let register = 1;
  return Array.from({ length: 24 }, () => {
    let constant = 0n;
    for (let part = 0; part < 7; part++) {
      constant |= BigInt(register & 1) << ((1n << BigInt(part)) - 1n);
      register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
    }
    return constant;
  });
})();

function permuted(lanes) {
  let a = lanes;
  for (const constant of ROUNDS) {
    const parity = [0, 1, 2, 3, 4].map((x) => a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]);
    const spread = [0, 1, 2, 3, 4].map((x) => parity[(x + 4) % 5] ^ rotated(parity[(x + 1) % 5], 1n));
    const moved = Array(25);
    MOVES.forEach(([target, by], source) => (moved[target] = rotated(a[source] ^ spread[source % 5], by)));
    a = moved.map((lane, place) => {
      const [row, x] = [place - (place % 5), place % 5];
      return lane ^ (~moved[row + ((x + 1) % 5)] & MASK & moved[row + ((x + 2) % 5)]);
    });
    a[0] ^= constant;
  }
  return a;
}

/** Keccak-256 with Ethereum's padding. */
function keccak256(bytes) {
  const rate = 136;
  const padded = concat(bytes, new Uint8Array(rate - (bytes.length % rate)));
  padded[bytes.length] |= 1;
  padded[padded.length - 1] |= 0x80;
  const view = new DataView(padded.buffer);
  let lanes = Array(25).fill(0n);
  for (let start = 0; start < padded.length; start += rate) {
    for (let index = 0; index < rate / 8; index++) lanes[index] ^= view.getBigUint64(start + 8 * index, true);
    lanes = permuted(lanes);
  }
  const out = new DataView(new ArrayBuffer(32));
  lanes.slice(0, 4).forEach((lane, index) => out.setBigUint64(8 * index, lane, true));
  return new Uint8Array(out.buffer);
}

const noRlp = () => new Broken("A part of the receipt isn't RLP in its one form.");

/** The item of all these bytes: a byte string, or an array of items. */
function rlp(bytes) {
  const [item, end] = rlpItem(bytes, 0, 16);
  if (end !== bytes.length) throw noRlp();
  return item;
}

function rlpItem(bytes, start, depth) {
  if (start >= bytes.length || depth === 0) throw noRlp();
  const first = bytes[start];
  if (first < 0x80) return [bytes.slice(start, start + 1), start + 1];
  const isList = first >= 0xc0;
  let [begin, length] = [start + 1, first - (isList ? 0xc0 : 0x80)];
  if (length > 55) {
    const size = bytes.slice(begin, begin + length - 55);
    begin += length - 55;
    const stated = size.reduce((sum, byte) => sum * 256 + byte, 0);
    if (stated < 56 || size[0] === 0 || size.length !== length - 55) throw noRlp();
    length = stated;
  }
  const end = begin + length;
  if (end > bytes.length) throw noRlp();
  if (!isList) {
    const found = bytes.slice(begin, end);
    if (found.length === 1 && found[0] < 0x80) throw noRlp();
    return [found, end];
  }
  const items = [];
  while (begin < end) {
    const [item, next] = rlpItem(bytes, begin, depth - 1);
    items.push(item);
    begin = next;
  }
  if (begin !== end) throw noRlp();
  return [items, end];
}

const listOf = (item) => {
  if (!Array.isArray(item)) throw noRlp();
  return item;
};
const bytesOf = (item) => {
  if (Array.isArray(item)) throw noRlp();
  return item;
};

function numberOf(item) {
  const bytes = bytesOf(item);
  if (bytes.length > 32 || bytes[0] === 0) throw noRlp();
  return bigEndian(bytes);
}

const nibbles = (bytes) => Array.from(bytes).flatMap((byte) => [byte >> 4, byte & 15]);

/** The value that a Merkle-Patricia trie holds at a key, by the nodes that lead to it. */
function trieValue(root, key, nodes) {
  const left = [...nodes];
  const wrong = () => new Broken("The nodes of the receipt's proof don't lead from the block to the transaction.");
  if (!left.length || left.length > 64) throw wrong();
  let [reference, path] = [root, nibbles(key)];
  for (;;) {
    if (!Array.isArray(reference) && (!left.length || !same(keccak256(left[0]), reference))) throw wrong();
    const node = Array.isArray(reference) ? reference : listOf(rlp(left.shift()));
    let ends = false;
    if (node.length === 17) {
      ends = !path.length;
      [reference, path] = ends ? [node[16], path] : [node[path[0]], path.slice(1)];
    } else {
      if (node.length !== 2) throw wrong();
      const [flag = 15, ...rest] = nibbles(bytesOf(node[0]));
      if (flag > 3 || (flag % 2 === 0 && rest[0] !== 0)) throw wrong();
      const part = flag % 2 ? rest : rest.slice(1);
      if (part.some((nibble, place) => nibble !== path[place])) throw wrong();
      [reference, path, ends] = [node[1], path.slice(part.length), flag >= 2];
      if (ends && path.length) throw wrong();
    }
    if (!ends) continue;
    if (left.length || !bytesOf(reference).length) throw wrong();
    return reference;
  }
}

/** The block that holds a log of a digest, pinned or sealed by pinned validators: `{ledger, number, time, sealed}`. */
function checkLedger(proof, wanted, trust) {
  if (proof.length > MAX_LEDGER_RECEIPT) throw new Broken(`The receipt has ${proof.length} bytes, more than the ${MAX_LEDGER_RECEIPT} that are read.`);
  const read = parseCanonical(proof, "The receipt");
  const pending = read && read.format === "exhibit-evm-pending/1";
  checkSchema(read, pending ? "evm-pending" : "evm", "The receipt");
  if (read.digest !== wanted) throw new Broken(`The receipt is about another digest: ${read.digest}.`);
  if (pending) throw new Unchecked("pending: The transaction isn't confirmed yet.");
  if (Math.min(read.chain, read.transaction, read.log) < 0) throw new Broken("The receipt holds a number below zero.");
  const header = fromHex(read.header);
  const fields = listOf(rlp(header));
  if (fields.length < 15) throw new Broken("The block header lacks fields.");
  const [root, number, seconds] = [bytesOf(fields[5]), numberOf(fields[8]), numberOf(fields[11])];
  if (root.length !== 32 || seconds > 253402300799n) throw new Broken("The block header has a field that can't be.");
  checkLogOf(trieValue(root, rlpEncoded(shortest(read.transaction)), read.nodes.map(fromHex)), read.log, fromHex(wanted));
  const hash = hex(keccak256(header));
  const time = new Date(Number(seconds) * 1000);
  let few = "";
  for (const ledger of (trust.ledgers || []).filter(({ chain }) => chain === read.chain)) {
    let sealed = "";
    if (ledger.validators?.length && read.sealed) {
      const seals = sealersOf(fields, fromHex(read.sealed));
      const count = ledger.validators.filter((address) => seals.has(address)).length;
      const words = `sealed by ${count} of ${ledger.validators.length} pinned validators`;
      [sealed, few] = count >= ledger.quorum ? [` ${words},`, ""] : ["", ` It is ${words}, ${ledger.quorum} needed.`];
    }
    if (sealed || ledger.blocks.includes(hash)) return { ledger, number, time, sealed };
  }
  throw new UnknownWitness(
    `the proof holds and leads to block ${number} of the chain ${read.chain}, 0x${hash}, dated ${moment(time)}, which isn't pinned.${few} Compare the hash with a node or an explorer of that chain.`,
  );
}

/** Check that a transaction succeeded and that one of its logs says that the digest was anchored. */
function checkLogOf(receipt, place, wanted) {
  const fields = listOf(rlp(receipt[0] <= 0x7f ? receipt.slice(1) : receipt));
  if (fields.length < 4 || Array.isArray(fields[0]) || hex(fields[0]) !== "01") throw new Broken("The transaction failed, or its receipt can't be read.");
  const logs = listOf(fields[3]);
  if (!(place >= 0 && place < logs.length)) throw new Broken("The transaction has no such log.");
  const log = listOf(logs[place]);
  const topics = log.length === 3 ? listOf(log[1]) : [];
  const event = keccak256(utf8("Anchored(bytes32,uint256)"));
  if (topics.length < 2 || !same(bytesOf(topics[0]), event) || !same(bytesOf(topics[1]), wanted))
    throw new Broken("The log of the transaction says something else than that the digest was anchored.");
}
