// Shows both documents: what the service takes with Swagger UI, and what it delivers as a list. It
// calls nobody but the service: without `validatorUrl` Swagger UI would ask a foreign host.

SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#api',
  validatorUrl: null,
  docExpansion: 'list',
  deepLinking: false,
})

function add(parent, name, text = '') {
  const element = document.createElement(name)
  element.textContent = text
  parent.append(element)
  return element
}

function showMessage(list, { name, summary, payload, examples }) {
  const item = add(list, 'li')
  const details = add(item, 'details')
  const title = add(details, 'summary', `${name}${summary ? `: ${summary}` : ''}`)
  if (payload.allOf?.some(({ deprecated }) => deprecated)) title.className = 'deprecated'
  add(details, 'pre', JSON.stringify(examples[0].payload, null, 2))
}

async function showDelivered() {
  const { info, channels, components } = await (await fetch('asyncapi.json')).json()
  const section = document.querySelector('#delivered')
  add(section, 'p', info.description)
  for (const [name, { description, messages }] of Object.entries(channels)) {
    add(section, 'h3', name)
    add(section, 'p', description)
    const list = add(section, 'ul')
    for (const id of Object.keys(messages)) showMessage(list, components.messages[id])
  }
}
void showDelivered()
