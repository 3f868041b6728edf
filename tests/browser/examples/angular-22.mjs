// examples/angular, built with Angular 22.
import { builtWith } from "./angular.mjs";

export const tests = builtWith("22");
