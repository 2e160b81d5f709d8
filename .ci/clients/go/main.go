// The main job with the client that openapi-generator makes: publish, register, list.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"millrace/client"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: os.Getenv("MILLRACE_URL")}}
	api := client.NewAPIClient(configuration)
	token := os.Getenv("MILLRACE_TOKEN")
	ctx := context.WithValue(context.Background(), client.ContextAccessToken, token)
	tenant := "dodici"

	published, _, err := api.PublishingAPI.PublishEvent(ctx, "order.created").
		Tenant(tenant).Team("team-orders").Service("shop").EntityId("order-1").IdempotencyKey("go").
		RequestBody(map[string]any{"id": "order-1", "grand_total": 320.08}).Execute()
	must(published, err)

	integration := client.NewIntegrationInput("go", "permanent")
	integration.SetCallbackParameters(*client.NewWebhookParameters(os.Getenv("RECEIVER")))
	filter := client.NewFilterConditions()
	filter.SetEventFilter([]string{"order.created"})
	integration.SetFilterConditions(*filter)
	register := api.IntegrationsAPI.RegisterIntegration(ctx).Tenant(tenant)
	registered, _, err := register.IntegrationInput(*integration).Execute()
	must(registered, err)
	listed, _, err := api.IntegrationsAPI.ListIntegrations(ctx).Tenant(tenant).Execute()
	must(listed, err)
	ids := []string{}
	for _, one := range listed.GetIntegrations() {
		ids = append(ids, one.GetId())
	}
	_, _, err = register.IntegrationInput(*integration).Execute()
	refusal := "none"
	var problem *client.GenericOpenAPIError
	if errors.As(err, &problem) {
		told := problem.Model().(client.ConfigurationProblem)
		refusal = told.GetErrorCode()
	}

	os.Stdout.Write(must(json.Marshal(map[string]any{
		"position": published.GetPosition(),
		"status":   registered.GetStatus(),
		"ids":      ids,
		"refusal":  refusal,
	})))
}
