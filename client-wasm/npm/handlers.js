/** Where a session keeps its handlers, for the modules of this package alone. */
export const HANDLERS = Symbol("handlers");
