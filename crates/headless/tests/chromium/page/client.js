// A client of the Sightline protocol in a browser, written from PROTOCOL.md; it shares nothing with the Rust clients.
//
// Invariant: the messages of a peer are handled one after another, in the order in which they came, and those to a peer
// are sent in the order in which they were made, though rewriting their candidates takes a detour over HTTP.

const PING_MS = 5000;

/** Runs asynchronous tasks one after another; a task that fails is reported and does not hold up the next. */
class Line {
  #last = Promise.resolve();
  #report;

  constructor(report) {
    this.#report = report;
  }

  add(task) {
    this.#last = this.#last.then(task).catch(this.#report);
  }
}

/** One member of a room, ourselves: the signaling and a Peer for each of the others. */
export class Client {
  /** Whatever went wrong, as text; a healthy call leaves it empty. */
  errors = [];
  /** The others by their id, those who have left included. */
  peers = new Map();
  userId = null;
  #socket;
  #iceServers = [];
  #members = new Map();
  #stream;
  #rewrite;
  #joined = Promise.withResolvers();
  #left = Promise.withResolvers();
  #pongs = 0;
  #pinging;
  #onTrack;

  /**
   * @param stream what is sent to everybody: a MediaStream with sound and pictures
   * @param rewrite async: a candidate's address as `ip:port` -> the one to use in its place; null leaves all as they are
   * @param onTrack called with (peer, RTCTrackEvent)
   */
  constructor({ stream, rewrite, onTrack }) {
    this.#stream = stream;
    this.#rewrite = rewrite;
    this.#onTrack = onTrack;
  }

  get pongs() {
    return this.#pongs;
  }

  get stream() {
    return this.#stream;
  }

  get iceServers() {
    return this.#iceServers;
  }

  /** Enters a room; resolves once the server has let us in. */
  async join(server, roomId, name) {
    this.#socket = new WebSocket(`${server}/ws`);
    this.#socket.onmessage = (message) => this.#on(JSON.parse(message.data));
    await new Promise((open, fail) => {
      this.#socket.onopen = open;
      this.#socket.onerror = () => fail(new Error(`no WebSocket at ${server}`));
    });
    this.send("hello", { version: 1, client: "second-opinion" });
    this.send("join", { roomId, name, media: { audio: true, video: true } });
    this.#pinging = setInterval(() => this.send("ping", { nonce: Date.now() }), PING_MS);
    this.send("ping", { nonce: 1 });
    return this.#joined.promise;
  }

  /** Says goodbye and closes all links. */
  async leave() {
    this.send("leave", {});
    await this.#left.promise;
    clearInterval(this.#pinging);
    this.#socket.close();
    for (const peer of this.peers.values()) peer.close();
  }

  send(event, data) {
    this.#socket.send(JSON.stringify({ event, data }));
  }

  fail(error) {
    this.errors.push(String(error));
  }

  track(peer, event) {
    this.#onTrack(peer, event);
  }

  /** The candidate with the address to use in its place; null where it is of no use on a rewritten path. */
  async rewritten(line) {
    if (!this.#rewrite || line === "") return line;
    // foundation component transport priority address port "typ" type (RFC 8839, 5.1)
    const words = line.split(" ");
    const [, , transport, , address, port] = words;
    if (transport.toLowerCase() !== "udp" || address.includes(":")) return null;
    const [ip, newPort] = (await this.#rewrite(`${address}:${port}`)).split(":");
    words[4] = ip;
    words[5] = newPort;
    return words.join(" ");
  }

  /** A description in which all candidates are rewritten. */
  async rewrittenSdp(sdp) {
    const lines = [];
    for (const line of sdp.split("\r\n")) {
      if (!line.startsWith("a=candidate:")) {
        lines.push(line);
        continue;
      }
      const candidate = await this.rewritten(line.slice(2));
      if (candidate !== null) lines.push(`a=${candidate}`);
    }
    return lines.join("\r\n");
  }

  #on({ event, data }) {
    switch (event) {
      case "welcome":
        this.userId = data.userId;
        this.#iceServers = data.iceServers;
        break;
      case "join":
        for (const { userId, name } of data.participants) {
          this.#members.set(userId, name);
          // Who joined later makes the first offer, and is polite.
          this.#peer(userId, true).addStream();
        }
        this.#joined.resolve(data.userId);
        break;
      case "leave":
        this.#left.resolve();
        break;
      case "update":
        this.#update(data);
        break;
      case "offer":
      case "answer":
        // Who was there waits for the newcomer's offer, so the link begins with it.
        if (this.#members.has(data.from)) this.#peer(data.from, false).describe(event, data.sdp);
        break;
      case "ice-candidate":
        if (this.#members.has(data.from)) this.#peer(data.from, false).candidate(data.candidate);
        break;
      case "pong":
        this.#pongs += 1;
        break;
      case "error":
        this.fail(`${data.code}: ${data.message}`);
        this.#joined.reject(new Error(data.message));
        break;
    }
  }

  #update({ userId, action, name }) {
    if (action === "joined") this.#members.set(userId, name);
    if (action === "left") {
      this.#members.delete(userId);
      this.peers.get(userId)?.close();
    }
  }

  #peer(id, polite) {
    if (!this.peers.has(id)) this.peers.set(id, new Peer(this, id, this.#members.get(id), polite));
    return this.peers.get(id);
  }
}

/** The link to one other member: perfect negotiation as in W3C WebRTC 1.0, 10.7. */
class Peer {
  left = false;
  #client;
  #polite;
  #in;
  #out;
  #waiting = [];
  #makingOffer = false;
  #ignoreOffer = false;
  #settingAnswer = false;

  constructor(client, id, name, polite) {
    this.id = id;
    this.name = name;
    this.#client = client;
    this.#polite = polite;
    this.#in = new Line((error) => client.fail(error));
    this.#out = new Line((error) => client.fail(error));
    this.connection = new RTCPeerConnection({ iceServers: client.iceServers, bundlePolicy: "max-bundle" });
    this.connection.onnegotiationneeded = () => this.#offer();
    this.connection.onicecandidate = ({ candidate }) => candidate && this.#sendCandidate(candidate.toJSON());
    this.connection.ontrack = (event) => client.track(this, event);
  }

  /** Sends our sound and pictures, which makes an offer unless one of the other side's has just been taken. */
  addStream() {
    for (const track of this.#client.stream.getTracks()) this.connection.addTrack(track, this.#client.stream);
  }

  close() {
    this.left = true;
    this.connection.close();
  }

  /** An offer or answer came. */
  describe(type, sdp) {
    this.#in.add(async () => {
      const pc = this.connection;
      const description = { type, sdp: await this.#client.rewrittenSdp(sdp) };
      const ready = !this.#makingOffer && (pc.signalingState === "stable" || this.#settingAnswer);
      this.#ignoreOffer = type === "offer" && !ready && !this.#polite;
      if (this.#ignoreOffer) return;
      const first = pc.remoteDescription === null;
      this.#settingAnswer = type === "answer";
      await pc.setRemoteDescription(description);
      this.#settingAnswer = false;
      if (type === "offer") {
        if (first && pc.getSenders().every((sender) => sender.track === null)) this.addStream();
        await pc.setLocalDescription();
        this.#sendDescription();
      }
      for (const candidate of this.#waiting.splice(0)) await this.#take(candidate);
    });
  }

  /** A candidate came, perhaps before the description it belongs to. */
  candidate(candidate) {
    this.#in.add(() => this.#take(candidate));
  }

  async #take(candidate) {
    const described = this.connection.remoteDescription?.sdp;
    const fragment = candidate.usernameFragment;
    if (!described || (fragment && !described.includes(`a=ice-ufrag:${fragment}\r\n`))) {
      this.#waiting.push(candidate);
      return;
    }
    const line = await this.#client.rewritten(candidate.candidate);
    if (line === null) return;
    try {
      await this.connection.addIceCandidate({ ...candidate, candidate: line });
    } catch (error) {
      if (!this.#ignoreOffer) throw error;
    }
  }

  async #offer() {
    try {
      this.#makingOffer = true;
      await this.connection.setLocalDescription();
      this.#sendDescription();
    } catch (error) {
      this.#client.fail(error);
    } finally {
      this.#makingOffer = false;
    }
  }

  #sendDescription() {
    const { type, sdp } = this.connection.localDescription;
    this.#out.add(async () => this.#client.send(type, { to: this.id, sdp: await this.#client.rewrittenSdp(sdp) }));
  }

  #sendCandidate(candidate) {
    this.#out.add(async () => {
      const line = await this.#client.rewritten(candidate.candidate);
      if (line !== null) this.#client.send("ice-candidate", { to: this.id, candidate: { ...candidate, candidate: line } });
    });
  }
}
