// One implementation for both module systems: `import` gets the classes that `require` gets, so `instanceof` holds.
export * from './index.js';
