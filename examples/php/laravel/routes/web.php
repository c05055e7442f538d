<?php

use App\Http\Controllers\PushsseController;
use Illuminate\Support\Facades\Route;

Route::middleware('auth')->group(function () {
    Route::get('/pushsse/token', [PushsseController::class, 'token']);
    Route::post('/orders/{order}/ship', [PushsseController::class, 'ship']);
});
