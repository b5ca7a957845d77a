// What tells people from their background, for the browser: the runtime out of @mediapipe/tasks-vision and the model
// out of @mediapipe/selfie_segmentation, as files of our own under /vision. The model comes without the description
// that the runtime asks for (how pixels become numbers), so it is written into it here.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const modules = new URL('../node_modules/@mediapipe/', import.meta.url).pathname;
const out = new URL('../public/vision/', import.meta.url).pathname;

/** A FlatBuffer under way: what is referred to always comes after what refers to it. */
class Buffer_ {
  bytes = [];
  get at() {
    return this.bytes.length;
  }
  align(to, rest = 0) {
    while (this.at % to !== rest) this.bytes.push(0);
  }
  u16(value) {
    this.bytes.push(value & 255, value >> 8);
  }
  u32(value) {
    this.bytes.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
  }
  f32(value) {
    this.bytes.push(...new Uint8Array(new Float32Array([value]).buffer));
  }
  text(value) {
    this.bytes.push(...new TextEncoder().encode(value));
  }
  /** An offset whose target is not known yet. */
  reference() {
    this.u32(0);
    return this.at - 4;
  }
  /** `slot` refers to `target`. */
  refer(slot, target = this.at) {
    const distance = target - slot;
    for (let i = 0; i < 4; i += 1) this.bytes[slot + i] = (distance >>> (8 * i)) & 255;
  }
  /** A table of four-byte fields: numbers, or `null` for an offset that follows. Gives the fields' places. */
  table(fields) {
    const numbers = Object.keys(fields).map(Number);
    const size = 4 + 2 * (Math.max(...numbers) + 1);
    this.align(4, size % 4 === 0 ? 0 : 2);
    const vtable = this.at;
    this.u16(size);
    this.u16(4 + 4 * numbers.length);
    for (let field = 0; field <= Math.max(...numbers); field += 1) {
      const index = numbers.indexOf(field);
      this.u16(index < 0 ? 0 : 4 + 4 * index);
    }
    const table = this.at;
    this.u32(table - vtable);
    const places = {};
    for (const field of numbers) {
      places[field] = this.at;
      this.u32(fields[field] ?? 0);
    }
    return { at: table, ...places };
  }
  string(value) {
    this.align(4);
    const at = this.at;
    this.u32(value.length);
    this.text(value);
    this.bytes.push(0);
    return at;
  }
  /** A vector of one table, whose offset is to be filled in. */
  one() {
    this.align(4);
    const at = this.at;
    this.u32(1);
    return { at, slot: this.reference() };
  }
  floats(...values) {
    this.align(4);
    const at = this.at;
    this.u32(values.length);
    for (const value of values) this.f32(value);
    return at;
  }
}

/** The description (TFLite's metadata_schema.fbs): pixels from 0 to 255 go in as numbers from 0 to 1. */
function description() {
  const it = new Buffer_();
  const root = it.reference();
  it.text('M001');
  const model = it.table({ 0: null, 3: null });
  it.refer(root, model.at);
  it.refer(model[0], it.string('selfie segmenter'));
  const subgraphs = it.one();
  it.refer(model[3], subgraphs.at);
  const subgraph = it.table({ 2: null, 3: null });
  it.refer(subgraphs.slot, subgraph.at);
  const inputs = it.one();
  it.refer(subgraph[2], inputs.at);
  const input = it.table({ 0: null, 4: null });
  it.refer(inputs.slot, input.at);
  it.refer(input[0], it.string('image'));
  const units = it.one();
  it.refer(input[4], units.at);
  const normalization = 1;
  const unit = it.table({ 0: normalization, 1: null });
  it.refer(units.slot, unit.at);
  const options = it.table({ 0: null, 1: null });
  it.refer(unit[1], options.at);
  it.refer(options[0], it.floats(0));
  it.refer(options[1], it.floats(255));
  const outputs = it.one();
  it.refer(subgraph[3], outputs.at);
  const output = it.table({ 0: null });
  it.refer(outputs.slot, output.at);
  it.refer(output[0], it.string('segmentation'));
  return it.bytes;
}

/** The model with a new head in front, whose list of buffers has the description as well; the rest stays as it is. */
function described(model, words) {
  const view = new DataView(model.buffer, model.byteOffset, model.length);
  const u32 = (at) => view.getUint32(at, true);
  const root = u32(0);
  const vtable = root - view.getInt32(root, true);
  const field = (index) => {
    const place =
      4 + 2 * index < view.getUint16(vtable, true) ? view.getUint16(vtable + 4 + 2 * index, true) : 0;
    return place === 0 ? undefined : root + place;
  };
  const target = (index) => {
    const at = field(index);
    return at === undefined ? undefined : at + u32(at);
  };
  const old = { codes: target(1), subgraphs: target(2), buffers: target(4) };
  if (!old.codes || !old.subgraphs || !old.buffers) throw new Error('this is no model');
  const count = u32(old.buffers);
  const it = new Buffer_();
  const head = it.reference();
  it.text('TFL3');
  const made = it.table({ 0: u32(field(0)), 1: null, 2: null, 4: null, 6: null });
  it.refer(head, made.at);
  it.align(4);
  it.refer(made[4]);
  it.u32(count + 1);
  const slots = Array.from({ length: count + 1 }, () => it.reference());
  const list = it.one();
  it.refer(made[6], list.at);
  const entry = it.table({ 0: null, 1: count });
  it.refer(list.slot, entry.at);
  it.refer(entry[0], it.string('TFLITE_METADATA'));
  const buffer = it.table({ 0: null });
  it.refer(slots[count], buffer.at);
  it.align(16, 12);
  it.refer(buffer[0]);
  it.u32(words.length);
  it.bytes.push(...words);
  it.align(16);
  const moved = it.at;
  it.refer(made[1], moved + old.codes);
  it.refer(made[2], moved + old.subgraphs);
  for (let index = 0; index < count; index += 1) {
    const at = old.buffers + 4 + 4 * index;
    it.refer(slots[index], moved + at + u32(at));
  }
  return Buffer.concat([Buffer.from(it.bytes), model]);
}

mkdirSync(out, { recursive: true });
for (const name of ['vision_wasm_internal.js', 'vision_wasm_internal.wasm']) {
  copyFileSync(`${modules}tasks-vision/wasm/${name}`, out + name);
}
const model = readFileSync(`${modules}selfie_segmentation/selfie_segmentation.tflite`);
writeFileSync(`${out}selfie.tflite`, described(model, description()));
