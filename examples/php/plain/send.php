<?php
/* The form posts here. */
require __DIR__ . '/config.php';

if ($_SERVER['REQUEST_METHOD'] !== 'POST' || current_uid() === null
    || !hash_equals($_SESSION['form'] ?? '', (string) ($_POST['form'] ?? ''))) {
    http_response_code(403);
    exit;
}
$fields = ['content' => json_encode(['from' => current_uid(), 'text' => (string) ($_POST['text'] ?? '')])];
if (($_POST['to'] ?? '') !== '') {
    $fields['to'] = (string) $_POST['to'];
} else {
    $fields['channel'] = 'news'; // all who have this page open, and the token of token.php
}
header('Content-Type: text/plain');
try {
    $answer = pushsse()->publish($fields);
    echo "{$answer['status']}: to {$answer['streams']} streams";
} catch (PushsseException $e) {
    error_log($e->getMessage());
    http_response_code(502);
    echo 'It could not be sent.';
}
