// examples/angular, built with Angular 20.
import { builtWith } from "./angular.mjs";

export const tests = builtWith("20");
