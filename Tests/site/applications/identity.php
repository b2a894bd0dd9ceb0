<?php
// Says what PHP was told: who asks, the parts of the path, the cookies, the body.
header('Content-Type: application/json');
header('Cache-Control: public, max-age=3600');
$names = array_filter($_SERVER, fn($name) => !is_numeric($name) && (str_starts_with($name, 'HTTP_')
  || in_array($name, ['REMOTE_USER', 'PATH_INFO', 'SCRIPT_NAME', 'QUERY_STRING', 'REQUEST_METHOD', 'AUTH_TYPE', 'PHP_AUTH_USER'])), ARRAY_FILTER_USE_KEY);
echo json_encode(['server' => $names, 'cookies' => $_COOKIE, 'body' => file_get_contents('php://input')]), "\n";
