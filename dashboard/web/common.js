'use strict';
// Both pages. Whatever comes from data reaches the document as a text node or an attribute value, never as markup.
const D = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';
let L = 'zh';
const tr = (zh, en) => L === 'zh' ? zh : en;
const nm = o => (o && (L === 'zh' ? o.zh : o.en)) || '';

function h(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k.startsWith('aria-') && typeof v === 'boolean') { e.setAttribute(k, String(v)); continue; }
    if (v == null || v === false) continue;
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (k === 'class') e.className = v;
    else if (k === 'bg') e.style.background = v;
    else if (k === 'fg') e.style.color = v;
    else e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children.flat().filter(c => c != null && c !== false).map(String_or_node));
  return e;
}
function String_or_node(c) { return c instanceof Node ? c : String(c); }
function s(tag, attributes, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (v == null || v === false) continue;
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v); else e.setAttribute(k, v);
  }
  e.append(...children.flat().filter(c => c != null && c !== false).map(String_or_node));
  return e;
}
const count = n => n == null ? '—' : Number(n).toLocaleString('en-US');
const bytes = n => n == null ? '—' : n < 1e3 ? n + ' B' : n < 1e6 ? (n / 1e3).toFixed(n < 1e4 ? 1 : 0) + ' kB' : (n / 1e6).toFixed(1) + ' MB';

function chrome() {
  document.documentElement.lang = L === 'zh' ? 'zh-CN' : 'en';
  for (const e of document.querySelectorAll('[data-zh]')) e.textContent = e.dataset[L];
  for (const e of document.querySelectorAll('[data-label-zh]'))
    e.setAttribute('aria-label', L === 'zh' ? e.dataset.labelZh : e.dataset.labelEn);
}
// One element of a group is in the tab order; arrow keys move among the others. pos gives [x, y] of an element.
function roving(group, items, pos) {
  const start = items.find(e => e.classList.contains('sel')) || items[0];
  items.forEach(e => e.setAttribute('tabindex', e === start ? 0 : -1));
  group.onkeydown = event => {
    const d = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const from = items.indexOf(document.activeElement);
    if (!d || from < 0) return;
    event.preventDefault();
    const [x, y] = pos(items[from]);
    let best = null, least = Infinity;
    for (const e of items) {
      const [a, b] = pos(e), along = (a - x) * d[0] + (b - y) * d[1], off = Math.abs((a - x) * d[1]) + Math.abs((b - y) * d[0]);
      if (along > 0 && along + 3 * off < least) { least = along + 3 * off; best = e; }
    }
    if (!best) return;
    items.forEach(e => e.setAttribute('tabindex', e === best ? 0 : -1));
    best.focus();
  };
}
const press = act => event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); act(); } };
