<?php
/* A page that shows what it is sent, and a form that sends. */
require __DIR__ . '/config.php';

$_SESSION['uid'] = $_SESSION['uid'] ?? (string) random_int(1, 999999); // in place of a login
$_SESSION['form'] = $_SESSION['form'] ?? bin2hex(random_bytes(16));
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>pushsse</title>
<p>You are <b id="uid"><?= htmlspecialchars($_SESSION['uid']) ?></b>, <span id="state" role="status">not connected</span>.</p>
<form>
  <input type="hidden" name="form" value="<?= $_SESSION['form'] ?>">
  <p><label>To <input name="to" placeholder="uid, or empty for all"></label>
  <p><label>Text <input name="text" required></label>
  <button>Send</button> <span id="said" role="status"></span>
</form>
<ul id="messages" aria-live="polite"></ul>
<script src="<?= htmlspecialchars(substr(EVENTS, 0, strrpos(EVENTS, '/')) . '/pushsse.js') ?>"></script>
<script>
const push = new PushSSE(<?= json_encode(EVENTS) ?>, {
  token: () => fetch('token.php').then(answer => answer.ok ? answer.text() : Promise.reject()),
});
push.onstate = e => {
  document.getElementById('state').textContent = e.state === 'open' ? 'connected' : 'not connected';
};
push.onmessage = e => {
  const { from, text } = JSON.parse(e.data);
  const item = document.createElement('li');
  item.textContent = from + ': ' + text;    // never innerHTML: others wrote it
  document.getElementById('messages').prepend(item);
};
push.onreset = () => location.reload();    // something may be missing: load what the page shows anew

document.forms[0].onsubmit = async e => {
  e.preventDefault();
  const answer = await fetch('send.php', { method: 'POST', body: new FormData(e.target) });
  document.getElementById('said').textContent = await answer.text();
};
</script>
