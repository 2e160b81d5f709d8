// The main job with the client that openapi-generator makes: publish, register, list.

import client.ApiClient;
import client.ApiException;
import client.JSON;
import client.api.IntegrationsApi;
import client.api.PublishingApi;
import client.model.ConfigurationProblem;
import client.model.FilterConditions;
import client.model.Integration;
import client.model.IntegrationInput;
import client.model.PublishedEvent;
import client.model.WebhookParameters;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.util.List;
import java.util.Map;

public class Main {
  public static void main(String[] arguments) throws Exception {
    ApiClient api = new ApiClient();
    api.updateBaseUri(System.getenv("MILLRACE_URL"));
    String token = System.getenv("MILLRACE_TOKEN");
    api.setRequestInterceptor(request -> request.header("authorization", "Bearer " + token));
    String tenant = "dodici";

    PublishedEvent published =
        new PublishingApi(api)
            .publishEvent(
                "order.created", "team-orders", "shop", "order-1", tenant, "java",
                Map.of("id", "order-1", "grand_total", 320.08), null, null, null);
    IntegrationInput integration =
        new IntegrationInput()
            .id("java")
            .integrationType(IntegrationInput.IntegrationTypeEnum.PERMANENT)
            .callbackParameters(
                new WebhookParameters().callbackUrl(URI.create(System.getenv("RECEIVER"))))
            .filterConditions(new FilterConditions().eventFilter(List.of("order.created")));
    IntegrationsApi integrations = new IntegrationsApi(api);
    Integration registered = integrations.registerIntegration(integration, tenant);
    List<String> ids =
        integrations.listIntegrations(tenant).getIntegrations().stream()
            .map(Integration::getId)
            .toList();
    ObjectMapper json = JSON.getDefault().getMapper();
    String refusal = "none";
    try {
      integrations.registerIntegration(integration, tenant);
    } catch (ApiException problem) {
      refusal = json.readValue(problem.getResponseBody(), ConfigurationProblem.class).getErrorCode();
    }

    System.out.println(
        json.writeValueAsString(
            Map.of(
                "position", published.getPosition(),
                "status", registered.getStatus().getValue(),
                "ids", ids,
                "refusal", refusal)));
  }
}
