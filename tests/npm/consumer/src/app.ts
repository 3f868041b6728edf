import { Component } from '@angular/core';

/** What the README's example begins. */
@Component({ selector: 'app-root', template: '' })
export class App {}
