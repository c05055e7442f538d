<?php
/* A page that shows what it is sent, and a form that sends. */
require __DIR__ . '/config.php';

$_SESSION['uid'] = $_SESSION['uid'] ?? (string) random_int(1, 999999); // in place of a login
$_SESSION['form'] = $_SESSION['form'] ?? bin2hex(random_bytes(16));
?>
<!doctype html>
<meta charset="utf-8">
<title>pushsse</title>
<p>You are <b id="uid"><?= htmlspecialchars($_SESSION['uid']) ?></b>, <span id="state">not connected</span>.</p>
<form>
  <input type="hidden" name="form" value="<?= $_SESSION['form'] ?>">
  <input name="to" placeholder="uid, or empty for all">
  <input name="text" placeholder="text" required>
  <button>Send</button> <span id="said"></span>
</form>
<ul id="messages"></ul>
<script>
let cursor = '';    // the last id: where the next connection goes on

async function connect() {
  try {
    const answer = await fetch('token.php');
    if (answer.status === 403) return;    // nobody is logged in
    if (!answer.ok) throw new Error(answer.status);
    listen(await answer.text());
  } catch (e) {
    again();
  }
}

function again() {
  show('not connected');
  setTimeout(connect, 1000 + Math.random() * 4000);
}

function show(state) {
  document.getElementById('state').textContent = state;
}

function listen(token) {
  const source = new EventSource(<?= json_encode(EVENTS) ?> + '?token=' + token + '&lastEventId=' + cursor);
  const on = (event, act) => source.addEventListener(event, e => {
    cursor = e.lastEventId || cursor;
    act(e.data);
  });
  on('message', data => {
    const { from, text } = JSON.parse(data);
    const item = document.createElement('li');
    item.textContent = from + ': ' + text;    // never innerHTML: others wrote it
    document.getElementById('messages').prepend(item);
  });
  on('pushsse.hello', () => show('connected'));
  on('pushsse.ping', () => {});
  on('pushsse.reset', () => location.reload());    // something may be missing: load what the page shows anew
  on('pushsse.expired', () => { source.close(); connect(); });
  on('pushsse.bye', () => { source.close(); show('logged out'); });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) again();
    else show('reconnecting');
  };
}

document.forms[0].onsubmit = async e => {
  e.preventDefault();
  const answer = await fetch('send.php', { method: 'POST', body: new FormData(e.target) });
  document.getElementById('said').textContent = await answer.text();
};

connect();
</script>
