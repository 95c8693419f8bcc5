{{ config(materialized='table', group='media', alias='Recent_Plays') }}
select * from {{ ref('helper') }}
{% if var('broken', false) %} where no_such_column {% endif %}
