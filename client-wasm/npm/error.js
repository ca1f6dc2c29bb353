/** What every failure of this package is. Its members come from the core as one object. */
export class FootbridgeError extends Error {
  constructor({ message, ...members }) {
    super(message);
    Object.assign(this, members);
  }

  get name() {
    return "FootbridgeError";
  }
}

/** What the core throws or hands over as a fault: JSON. Anything else is a bug, and stays itself. */
export function faultOf(thrown) {
  return typeof thrown === "string" ? new FootbridgeError(JSON.parse(thrown)) : thrown;
}

/** The program asked for something that cannot be. */
export function misuse(message) {
  return new FootbridgeError({ message, code: "bad_request", side: "browser" });
}

/** A value as JSON text; `undefined` stays `undefined`. */
export function textOf(value, what) {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw misuse(`${what} cannot be written as JSON: ${error.message}`);
  }
}
