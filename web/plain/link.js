// Uses up a link that came by mail, when its reader asks for it: what scans mail for harmful links opens pages, but
// presses no buttons. The secret stands in the fragment, which no server sees.
(() => {
  const $ = (id) => document.getElementById(id);
  const guest = location.pathname === '/guest';
  const hash = location.hash.slice(1);
  const [kind, token] = guest ? ['guest', hash] : [hash.split('=')[0], hash.slice(hash.indexOf('=') + 1)];
  // Whoever looks over a shoulder, or into the history, finds nothing.
  history.replaceState(null, '', location.pathname);

  const ways = {
    magic: { path: '/api/links/magic/open', button: 'Sign in', done: 'You are signed in.' },
    verify: { path: '/api/links/verify', button: 'Confirm the address', done: 'The address is confirmed.' },
    reset: { path: '/api/links/reset/open', button: 'Set the password', done: 'The password is set, and you are signed in.', password: true },
    invitation: { path: '/api/links/reset/open', button: 'Open the account', done: 'Welcome. You are signed in.', password: true },
    guest: { path: '/api/guest/open', button: 'Come in', done: 'You are a guest of this appointment.' },
  };
  const way = ways[kind];
  if (!way || !token) {
    $('title').textContent = 'Nothing to do';
    $('text').textContent = 'This address is the end of a link that came by mail. Open the link itself again.';
    $('form').hidden = true;
    return;
  }
  $('go').textContent = way.button;
  $('choose').hidden = !way.password;
  $('password').required = Boolean(way.password);

  $('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    $('go').disabled = true;
    const body = { token, ...(way.password && { password: $('password').value }) };
    try {
      const answer = await fetch(way.path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const said = await answer.json().catch(() => ({}));
      if (answer.ok) {
        $('title').textContent = way.done;
        $('text').textContent = said.name ? `Hello, ${said.name}.` : 'You can close this page.';
        $('form').hidden = true;
        return;
      }
      $('text').textContent = `${said.detail ?? said.title ?? 'That did not work.'} ${said.nextStep ?? ''}`;
    } catch {
      $('text').textContent = 'The server does not answer. Try again in a moment.';
    }
    $('go').disabled = false;
  });
})();
