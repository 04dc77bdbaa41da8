package pebblekv

// HealEvery is how often the engine looks whether there is room again.
const HealEvery = healEvery
