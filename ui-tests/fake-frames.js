/** The frame socket of the fake native side: a moving test picture for each tile that is shown, two in flight. */

window.fake = { sockets: 0, shown: [] };

class FakeSocket extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  #shown = [];
  #inFlight = new Map();
  #seq = 0;

  constructor() {
    super();
    window.fake.sockets += 1;
    setTimeout(() => {
      this.readyState = 1;
      this.onopen?.({});
    }, 5);
    this.timer = setInterval(() => this.#tick(), 33);
  }

  send(text) {
    const message = JSON.parse(text);
    if (message.show) {
      this.#shown = message.show;
      window.fake.shown = message.show;
    } else this.#inFlight.delete(message.ack);
  }

  close() {
    clearInterval(this.timer);
    this.readyState = 3;
    window.fake.sockets -= 1;
    this.onclose?.({});
  }

  #tick() {
    this.#shown.forEach(({ tile, width, height }, index) => {
      if ([...this.#inFlight.values()].filter((id) => id === tile).length >= 2) return;
      this.#seq += 1;
      this.#inFlight.set(this.#seq, tile);
      const scale = Math.min(width / 1280, height / 720, 1);
      const even = (side) => Math.max(2, Math.floor((side * scale) / 2) * 2);
      this.onmessage?.({ data: picture(tile, index, this.#seq, even(1280), even(720)) });
    });
  }
}

/** The part that stands still, drawn once for each tile and size. */
const still = new Map();

function picture(tile, index, seq, width, height) {
  const key = `${tile} ${index} ${width} ${height}`;
  if (!still.has(key)) still.set(key, drawn(tile, index, width, height));
  const buffer = still.get(key).slice(0);
  const head = new DataView(buffer);
  head.setUint32(8, seq, true);
  const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
  head.setBigInt64(12, now - 20_000n, true);
  head.setBigInt64(20, now, true);
  const luma = 28 + ((head.getUint8(1) + 3) & ~3);
  const bar = new Uint8Array(buffer, luma + (height - 6) * width, 6 * width);
  for (let row = 0; row < 6; row += 1) bar.fill(200, row * width, row * width + ((seq * 4) % width));
  return buffer;
}

function drawn(tile, index, width, height) {
  const id = new TextEncoder().encode(tile);
  const start = 28 + ((id.length + 3) & ~3);
  const half = (width + 1) >> 1;
  const halfRows = (height + 1) >> 1;
  const buffer = new ArrayBuffer(start + width * height + 2 * half * halfRows);
  const head = new DataView(buffer);
  head.setUint8(0, 1);
  head.setUint8(1, id.length);
  head.setUint16(2, width, true);
  head.setUint16(4, height, true);
  const bytes = new Uint8Array(buffer);
  bytes.set(id, 28);
  const [cx, cy, r] = [width / 2, height * 0.46, height * 0.2];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const face = ((x - cx) / r) ** 2 + ((y - cy) / (r * 1.3)) ** 2 < 1;
      const body = ((x - cx) / (r * 2.1)) ** 2 + ((y - height * 1.06) / (r * 1.9)) ** 2 < 1;
      bytes[start + y * width + x] = face ? 168 : body ? 96 + index * 6 : 54 + (30 * x) / width + (24 * y) / height;
    }
  }
  const u = start + width * height;
  const v = u + half * halfRows;
  for (let y = 0; y < halfRows; y += 1) {
    for (let x = 0; x < half; x += 1) {
      const face = ((2 * x - cx) / r) ** 2 + ((2 * y - cy) / (r * 1.3)) ** 2 < 1;
      bytes[u + y * half + x] = face ? 108 : 128 + ((index * 23) % 40) - 14;
      bytes[v + y * half + x] = face ? 148 : 128 - ((index * 17) % 30) + 10;
    }
  }
  return buffer;
}

window.WebSocket = FakeSocket;
