/*
 * Tells whoever comes with a browser that cannot do it that it cannot, in place of a page that stays blank. Written for
 * the oldest engines: nothing here is newer than ECMAScript 5, and what is looked for is looked for by name.
 */
(function () {
  'use strict';
  var script = document.createElement('script');
  var root = document.documentElement;
  var path = window.location.pathname;

  function has(object, name) {
    return typeof object !== 'undefined' && object !== null && name in object;
  }

  // Chrome 80, Firefox 75 and Safari 13 have all of these.
  var modern =
    has(window, 'globalThis') &&
    has(script, 'noModule') &&
    has(window, 'fetch') &&
    has(window, 'AbortController') &&
    has(window, 'Promise') &&
    has(window.Promise, 'allSettled') &&
    has(Array.prototype, 'flatMap') &&
    has(window, 'Intl') &&
    has(window, 'CSS') &&
    has(window.CSS, 'supports') &&
    window.CSS.supports('color', 'var(--x)');
  var calls =
    has(window, 'RTCPeerConnection') &&
    has(window.RTCPeerConnection.prototype, 'addTransceiver') &&
    has(window, 'WebSocket');
  // An insecure page has no mediaDevices; the page that wants them says that itself.

  if (modern) fill();
  if (modern && calls) return;

  /** What is small and came a little later than these browsers is added. */
  function fill() {
    function add(prototype, name, value) {
      if (!(name in prototype)) Object.defineProperty(prototype, name, { value: value, configurable: true, writable: true });
    }
    add(Array.prototype, 'at', function (index) {
      var at = Math.trunc(index) || 0;
      return this[at < 0 ? this.length + at : at];
    });
    add(String.prototype, 'replaceAll', function (what, by) {
      return what instanceof RegExp ? this.replace(what, by) : this.split(what).join(by);
    });
    add(Intl.DateTimeFormat.prototype, 'formatRange', function (from, to) {
      return this.format(from) + ' \u2013 ' + this.format(to);
    });
    if (!has(window, 'HTMLDialogElement')) {
      add(HTMLElement.prototype, 'showModal', function () {
        this.setAttribute('open', '');
      });
      add(HTMLElement.prototype, 'close', function () {
        this.removeAttribute('open');
      });
    }
  }

  /** Without calls one can still book; pages that are for calls alone are of no use. */
  var bookable = modern && !/^\/(call|test-call|embed\/call)(\/|$)/.test(path);
  var KEY = 'visavis.without-calls';
  try {
    if (bookable && window.sessionStorage.getItem(KEY) === '1') return;
  } catch (_) {
    bookable = false;
  }

  var WORDS = {
    en: {
      title: 'This browser cannot hold video calls',
      old: 'This browser is too old for these pages.',
      calls: 'It has no WebRTC, or that is switched off.',
      next: 'Open this address in a recent version of one of these:',
      also: 'On iPhones and iPads, update iOS; every browser there uses what it brings along.',
      on: 'Go on without calls'
    },
    de: {
      title: 'Mit diesem Browser sind keine Videogespräche möglich',
      old: 'Dieser Browser ist zu alt für diese Seiten.',
      calls: 'Ihm fehlt WebRTC, oder es ist abgeschaltet.',
      next: 'Öffnen Sie diese Adresse in einer aktuellen Fassung von einem dieser Browser:',
      also: 'Auf iPhone und iPad aktualisieren Sie iOS; alle Browser dort benutzen, was es mitbringt.',
      on: 'Ohne Gespräche weitermachen'
    }
  };
  var language = String(navigator.language || navigator.userLanguage || 'en').slice(0, 2);
  var words = WORDS[language === 'de' ? 'de' : 'en'];

  function element(name, text, style) {
    var made = document.createElement(name);
    if (text) made.appendChild(document.createTextNode(text));
    for (var key in style) made.style[key] = style[key];
    return made;
  }

  function page() {
    var body = document.createElement('body');
    body.style.margin = '0';
    body.style.background = '#f6f7f5';
    body.style.color = '#16211d';
    body.style.font = '16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif';
    var main = element('main', '', { maxWidth: '34em', margin: '0 auto', padding: '4em 1.5em' });
    main.setAttribute('role', 'main');
    main.setAttribute('data-problem', modern ? 'no_webrtc' : 'unsupported_browser');
    main.appendChild(element('h1', words.title, { fontSize: '1.75em', lineHeight: '1.2', margin: '0 0 0.75em' }));
    main.appendChild(element('p', modern ? words.calls : words.old, { margin: '0 0 1em' }));
    main.appendChild(element('p', words.next));
    var list = element('ul', '', { paddingLeft: '1.25em', margin: '0.5em 0 1em' });
    var names = ['Chrome / Chromium 80+', 'Firefox 75+', 'Safari 13+ (iOS 13+)', 'Edge 80+'];
    for (var i = 0; i < names.length; i += 1) list.appendChild(element('li', names[i]));
    main.appendChild(list);
    main.appendChild(element('p', words.also, { color: '#51605a', margin: '0 0 1.5em' }));
    if (bookable) {
      var on = element('button', words.on, {
        font: 'inherit',
        fontWeight: '600',
        color: '#16211d',
        background: '#fff',
        border: '1px solid #84908a',
        borderRadius: '8px',
        minHeight: '44px',
        padding: '0 16px',
        cursor: 'pointer'
      });
      on.setAttribute('type', 'button');
      on.onclick = function () {
        window.sessionStorage.setItem(KEY, '1');
        window.location.reload();
      };
      main.appendChild(on);
    }
    body.appendChild(main);
    root.setAttribute('lang', language === 'de' ? 'de' : 'en');
    var old = document.body;
    if (old) root.replaceChild(body, old);
    else root.appendChild(body);
    document.title = words.title;
    root.style.visibility = '';
  }

  // The app's own script, where it is understood at all, sees this and does not start.
  root.setAttribute('data-unsupported', '');
  root.style.visibility = 'hidden';
  if (document.addEventListener) document.addEventListener('DOMContentLoaded', page);
  else window.attachEvent('onload', page);
})();
