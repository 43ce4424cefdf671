/**
 * The icons: one family, 24 by 24, drawn with one line of 1.75.
 *
 * Invariant: an icon says nothing to a screen reader; what it stands for is the name of the control that holds it.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** Each entry is a list of paths. */
const PATHS = {
  alert: ['M12 4 3 20h18z', 'M12 10v4', 'M12 17v.01'],
  back: ['m14 6-6 6 6 6'],
  bell: ['M6 10a6 6 0 0 1 12 0c0 5 2 6 2 7H4c0-1 2-2 2-7z', 'M10 20a2 2 0 0 0 4 0'],
  camera: [
    'M5.5 6h7A2.5 2.5 0 0 1 15 8.5v7a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 3 15.5v-7A2.5 2.5 0 0 1 5.5 6z',
    'm15 11 6-4v10l-6-4',
  ],
  cameraOff: [
    'M9 6h3.5A2.5 2.5 0 0 1 15 8.5V11l6-4v10l-3-2',
    'M14.7 17a2.5 2.5 0 0 1-2.2 1h-7A2.5 2.5 0 0 1 3 15.5v-7c0-1 .6-1.9 1.5-2.3',
    'm3 3 18 18',
  ],
  chat: ['M4 5h16v11H9l-5 4z'],
  check: ['m5 12.5 4.5 4.5L19 7.5'],
  close: ['m6 6 12 12', 'M18 6 6 18'],
  copy: [
    'M10 8h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2z',
    'M16 8V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h2',
  ],
  end: ['M4 15c4.5-4 11.5-4 16 0l-2 3-4-1.5V14h-4v2.5L6 18z'],
  gear: [
    'M12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z',
    'M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M5.6 18.4l2.1-2.1M16.3 7.7l2.1-2.1',
  ],
  eye: ['M2.5 12s3.5-6.5 9.5-6.5 9.5 6.5 9.5 6.5-3.5 6.5-9.5 6.5S2.5 12 2.5 12z', 'M12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z'],
  help: ['M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z', 'M9.5 9.5a2.5 2.5 0 1 1 3.7 2.2c-.8.5-1.2 1-1.2 2', 'M12 16.8v.01'],
  home: ['m4 11 8-7 8 7v9h-5v-6H9v6H4z'],
  image: [
    'M6 4h12a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z',
    'm4 17 5-5 4 4 3-3 4 4',
    'M15 8.5v.01',
  ],
  link: ['M10 14a4 4 0 0 0 6 0l3-3a4.2 4.2 0 0 0-6-6l-1.5 1.5', 'M14 10a4 4 0 0 0-6 0l-3 3a4.2 4.2 0 0 0 6 6l1.5-1.5'],
  lock: ['M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11z', 'M8 11V8a4 4 0 0 1 8 0v3'],
  meet: [
    'M4 7h2.5c5.5 0 5.5 10 11 10H20',
    'M4 17h2.5c1.7 0 2.9-1 3.8-2.3',
    'M13.7 9.3C14.6 8 15.8 7 17.5 7H20',
    'm17.5 4.2 2.8 2.8-2.8 2.8',
    'm17.5 14.2 2.8 2.8-2.8 2.8',
  ],
  microphone: ['M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z', 'M5 11a7 7 0 0 0 14 0', 'M12 18v3'],
  microphoneOff: [
    'M9 9v2a3 3 0 0 0 4.8 2.4',
    'M9.2 5a3 3 0 0 1 5.8 1v5',
    'M5 11a7 7 0 0 0 11 5.8',
    'M19 11c0 1-.2 1.9-.5 2.7',
    'M12 18v3',
    'm3 3 18 18',
  ],
  more: ['M5.5 11.2a.8.8 0 1 1 0 1.6.8.8 0 0 1 0-1.6zM12 11.2a.8.8 0 1 1 0 1.6.8.8 0 0 1 0-1.6zM18.5 11.2a.8.8 0 1 1 0 1.6.8.8 0 0 1 0-1.6z'],
  options: ['M4 7h9M17 7h3M4 17h3M11 17h9', 'M15 5a2 2 0 1 1 0 4 2 2 0 0 1 0-4z', 'M9 15a2 2 0 1 1 0 4 2 2 0 0 1 0-4z'],
  out: ['M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4', 'm9 8-4 4 4 4', 'M5 12h10'],
  missed: ['m4 5 8 7 8-7', 'M4 10V5h5', 'M4 20c4.5-3.4 11.5-3.4 16 0'],
  network: ['M4 9a12 12 0 0 1 16 0', 'M7 12.5a7.5 7.5 0 0 1 10 0', 'M10 16a3 3 0 0 1 4 0', 'M12 19v.01'],
  people: [
    'M9 4.8a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4z',
    'M3 19c.6-3.4 3-5 6-5s5.4 1.6 6 5',
    'M16 5.2a3.2 3.2 0 0 1 0 5.6',
    'M18 14.5c1.7.7 2.7 2.2 3 4.5',
  ],
  pin: ['M9 4h6l-1 6 3 3H7l3-3z', 'M12 13v7'],
  pulse: ['M3 12h4l3-7 4 14 3-7h4'],
  save: ['M12 4v11', 'm7 11 5 5 5-5', 'M5 20h14'],
  search: ['M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13z', 'm15.5 15.5 4.5 4.5'],
  send: ['m4 4 17 8-17 8 3-8z', 'M7 12h14'],
  sightline: ['M12 5a7 7 0 1 1 0 14 7 7 0 0 1 0-14z', 'M2.5 12.5H8l1.7-4 2.8 7.5 2-5 1 1.5h6'],
  server: [
    'M5 4h14a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1z',
    'M5 13h14a1 1 0 0 1 1 1v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-5a1 1 0 0 1 1-1z',
    'M8 7.5v.01M8 16.5v.01',
  ],
  speaker: ['M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z', 'M15.5 9a4 4 0 0 1 0 6', 'M18 6.5a8 8 0 0 1 0 11'],
  star: ['m12 4 2.4 5 5.6.8-4 3.9.9 5.5-4.9-2.6-4.9 2.6.9-5.5-4-3.9 5.6-.8z'],
  unlock: ['M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11z', 'M8 11V8a4 4 0 0 1 7.6-1.5'],
  swap: ['M4 8h14', 'm14 4 4 4-4 4', 'M20 16H6', 'm10 12-4 4 4 4'],
  trash: ['M4 7h16', 'M9 7V4h6v3', 'm6 7 1 13h10l1-13', 'M10 11v5M14 11v5'],
  up: ['m6 15 6-6 6 6'],
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * @param {IconName} name
 * @param {string} [extra] class beside `icon`
 * @returns {SVGSVGElement}
 */
export function icon(name, extra = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon ${extra}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

/**
 * What a line of a chart looks like.
 * @param {string} color
 * @param {string} dash as SVG's `stroke-dasharray`
 * @returns {SVGSVGElement}
 */
export function lineSample(color, dash) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 4');
  svg.setAttribute('class', 'line-sample');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', 'M0 2h24');
  path.setAttribute('stroke', color);
  if (dash !== '') path.setAttribute('stroke-dasharray', dash);
  svg.append(path);
  return svg;
}
