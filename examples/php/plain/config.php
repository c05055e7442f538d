<?php
/* Where pushsse is. EVENTS is for the browser: /events behind one of the proxies of deploy/, else a whole URL. */
require_once __DIR__ . '/../Pushsse.php';

session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax']);

define('EVENTS', getenv('PUSHSSE_EVENTS') ?: '/events');

function pushsse(): Pushsse
{
    static $pushsse = null;
    return $pushsse = $pushsse ?? new Pushsse([
        'secret_file' => getenv('PUSHSSE_SECRET_FILE') ?: '/etc/pushsse/secret',
        'key_file' => getenv('PUSHSSE_API_KEY_FILE') ?: '/etc/pushsse/api-key',
        'api' => getenv('PUSHSSE_API') ?: 'http://127.0.0.1:2121',
    ]);
}

/* Who is logged in, or null. Your site has its own way to say this. */
function current_uid(): ?string
{
    return $_SESSION['uid'] ?? null;
}
