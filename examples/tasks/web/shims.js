// What the SDKs of 2017 expect webpack to bring along.
import { Buffer } from 'buffer/';
import process from 'process/browser';

export { Buffer, process };
