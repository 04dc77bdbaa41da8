'use strict'
// AWS SDK for JavaScript v2 knows no AWS_ENDPOINT_URL (v3 does). Whichever copy a function loads, the preinstalled one or
// its own, gets the endpoint as the default of its configuration; what the function sets itself still wins.
const Module = require('module')

const endpoint = process.env.AWS_ENDPOINT_URL
const seen = new WeakSet()

function isSDK (exported) {
  if (exported === null || (typeof exported !== 'object' && typeof exported !== 'function')) return false
  const config = Object.getOwnPropertyDescriptor(exported, 'Config')
  return !!(config && config.value && config.value.prototype && config.value.prototype.keys && 's3ForcePathStyle' in config.value.prototype.keys)
}

function point (AWS) {
  seen.add(AWS)
  const keys = AWS.Config.prototype.keys
  keys.endpoint = endpoint
  keys.s3ForcePathStyle = true // one endpoint for all: buckets cannot be host names
  const config = Object.getOwnPropertyDescriptor(AWS, 'config')
  if (config && config.value) config.value.update({ endpoint, s3ForcePathStyle: true })
}

if (endpoint) {
  const load = Module._load
  Module._load = function (...args) {
    const exported = load.apply(this, args)
    if (isSDK(exported) && !seen.has(exported)) point(exported)
    return exported
  }
}
