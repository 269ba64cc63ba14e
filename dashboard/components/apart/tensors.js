// A safetensors file, read in place: a length, a JSON header, then the arrays' bytes.

const KINDS = {
  F32: Float32Array, F64: Float64Array, U8: Uint8Array, I8: Int8Array, I32: Int32Array, I64: BigInt64Array,
};

/** {arrays: {name: {shape, data}}, header: our own JSON} of an ArrayBuffer; throws on anything else. */
export function parseTensors(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const arrays = {};
  for (const [name, about] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [from, to] = about.data_offsets;
    const bytes = buffer.slice(8 + length + from, 8 + length + to); // a copy: the file's arrays need not be aligned
    arrays[name] = { shape: about.shape, data: new KINDS[about.dtype](bytes) };
  }
  return { arrays, header: JSON.parse(header.__metadata__?.header ?? "{}") };
}

/** Fetch and parse; throws an Error whose message is a sentence. */
export async function fetchTensors(url) {
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new Error("The server does not answer.");
  }
  if (!response.ok) throw new Error((await response.text()) || `The server answered ${response.status}.`);
  return parseTensors(await response.arrayBuffer());
}
