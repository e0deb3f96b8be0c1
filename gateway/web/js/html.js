/** All that draws comes from here: Preact with htm, both kept in `vendor/`. */
import {h} from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export {Fragment, render} from "../vendor/preact.js";
export {useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState} from "../vendor/hooks.js";
export const html = htm.bind(h);

/** Class names of which some depend on a condition: `classes("pill", running && "live")`. */
export const classes = (...names) => names.filter(Boolean).join(" ");
